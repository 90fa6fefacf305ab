package integration

import (
	"testing"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// dhcpSubject is dhcp under bridge, with a server behind each of the bridges that
// tests use. The variant tells it apart, and ipam has further keys.
func dhcpSubject(variant, ipam string) subject {
	return subject{
		plugin:  "bridge",
		variant: variant,
		config:  `{"name": "net", "type": "bridge", "bridge": "br0", "ipam": {"type": "dhcp"` + ipam + `}}`,
		ifName:  "eth0",
		services: func(t testing.TB, n *node.Node) {
			for bridge, net := range map[string][2]string{"br0": {"10.1.2", "2001:db8:1"}, "br1": {"10.1.3", "2001:db8:2"}} {
				s := dhcpnet.NewSegment(t, n, bridge, net[0])
				s.SetUpIPv6(t, net[1])
				s.Dnsmasq(t, s.Range(50, 250), "--enable-ra", "--dhcp-range="+net[1]+"::50,"+net[1]+"::fff,slaac,64,2m")
			}
			dhcpnet.Daemon(t, n)
		},
	}
}
