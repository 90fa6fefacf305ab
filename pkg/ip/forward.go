//go:build linux

package ip

import (
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// EnableIP4Forward makes the current namespace forward IPv4 packets. It is a
// switch of the whole node: nothing turns it off again.
func EnableIP4Forward() error { return sysctl.Ensure("net/ipv4/ip_forward", "1") }

// EnableIP6Forward makes the current namespace forward IPv6 packets, as
// EnableIP4Forward does for IPv4.
func EnableIP6Forward() error { return sysctl.Ensure("net/ipv6/conf/all/forwarding", "1") }

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
