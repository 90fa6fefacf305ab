package hostlocal

import (
	"bufio"
	"errors"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/unpolled"
)

// readResolvConf reads a file like /etc/resolv.conf (resolv.conf(5)). Others than
// regular files may have no end, and a FIFO without a writer not even a beginning.
func readResolvConf(path string) (types.DNS, error) {
	var dns types.DNS
	file, err := unpolled.Open(path, os.O_RDONLY)
	if errors.Is(err, unpolled.ErrIrregular) {
		return dns, plugin.Errorf(types.ErrInvalidNetworkConfig, "resolvConf %s is no regular file", path)
	}
	if err != nil {
		return dns, err
	}
	defer file.Close()
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
