package hostlocal

import (
	"bufio"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// readResolvConf reads a file like /etc/resolv.conf (resolv.conf(5)). Others than
// regular files may have no end, and a FIFO without a writer not even a beginning.
func readResolvConf(path string) (types.DNS, error) {
	var dns types.DNS
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return dns, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return dns, err
	}
	if !info.Mode().IsRegular() {
		return dns, plugin.Errorf(types.ErrInvalidNetworkConfig, "resolvConf %s is no regular file", path)
	}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		fields := strings.Fields(line)
		if len(fields) < 2 || line[0] == '#' || line[0] == ';' {
			continue
		}
		switch fields[0] {
		case "nameserver":
			dns.Nameservers = append(dns.Nameservers, fields[1])
		case "domain":
			dns.Domain = fields[1]
		case "search":
			dns.Search = append(dns.Search, fields[1:]...)
		case "options":
			dns.Options = append(dns.Options, fields[1:]...)
		}
	}
	return dns, lines.Err()
}
