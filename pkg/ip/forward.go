//go:build linux

package ip

import (
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// EnableIP4Forward makes the current namespace forward IPv4 packets. It is a
// switch of the whole node: nothing turns it off again.
func EnableIP4Forward() error { return enable("net/ipv4/ip_forward") }

// EnableIP6Forward makes the current namespace forward IPv6 packets, as
// EnableIP4Forward does for IPv4.
func EnableIP6Forward() error { return enable("net/ipv6/conf/all/forwarding") }

// EnableForward makes the current namespace forward packets of the families
// that ips have addresses of.
func EnableForward(ips []*current.IPConfig) error {
	var v4, v6 bool
	for _, ip := range ips {
		if ip.Address.IP.To4() != nil {
			v4 = true
		} else {
			v6 = true
		}
	}
	if v4 {
		if err := EnableIP4Forward(); err != nil {
			return err
		}
	}
	if v6 {
		return EnableIP6Forward()
	}
	return nil
}

// enable writes 1 unless that is the value: /proc/sys may be read-only on a
// node that was set up in advance.
func enable(key string) error {
	if value, err := sysctl.Sysctl(key); err == nil && value == "1" {
		return nil
	}
	_, err := sysctl.Sysctl(key, "1")
	return err
}
