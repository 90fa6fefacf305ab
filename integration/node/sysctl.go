package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sysctls are those that a new namespace gets of the machine's first one, where Docker,
// libvirt or Kubernetes have changed them, with the values that tests start from.
var sysctls = map[string]string{
	"ipv4/ip_forward":                 "0",
	"ipv4/conf/*/rp_filter":           "0",
	"ipv4/conf/*/arp_ignore":          "0",
	"ipv4/conf/*/arp_announce":        "0",
	"ipv6/conf/all/forwarding":        "0",
	"bridge/bridge-nf-call-iptables":  "1",
	"bridge/bridge-nf-call-ip6tables": "1",
	"bridge/bridge-nf-call-arptables": "1",
}

// SetSysctls gives the network namespace of the calling thread the values that tests start
// from, whatever the machine has: namespaces of processes that have just been made, with no
// interface but lo.
func SetSysctls() error {
	var errs []error
	for pattern, value := range sysctls {
		paths, err := filepath.Glob(filepath.Join("/proc/sys/net", pattern))
		errs = append(errs, err)
		for _, path := range paths {
			errs = append(errs, set(path, value))
		}
	}
	return errors.Join(errs...)
}

// set writes only what differs: some values change others along.
func set(path, value string) error {
	have, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(string(have)) == value {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(value), 0)
}
