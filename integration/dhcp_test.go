package integration

import (
	"testing"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// dhcpSubject is dhcp under bridge, with a server behind each of the bridges that
// tests use.
func dhcpSubject() subject {
	return subject{
		plugin:  "bridge",
		variant: "dhcp",
		config:  `{"name": "net", "type": "bridge", "bridge": "br0", "ipam": {"type": "dhcp"}}`,
		ifName:  "eth0",
		services: func(t testing.TB, n *node.Node) {
			for bridge, net := range map[string]string{"br0": "10.1.2", "br1": "10.1.3"} {
				s := dhcpnet.NewSegment(t, n, bridge, net)
				s.Dnsmasq(t, s.Range(50, 250))
			}
			dhcpnet.Daemon(t, n)
		},
	}
}
