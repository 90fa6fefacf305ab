//go:build linux

package ip

import (
	"net"
	"slices"
)

// HasNetwork reports whether an address with its prefix is among others.
func HasNetwork(networks []*net.IPNet, network *net.IPNet) bool {
	return slices.ContainsFunc(networks, func(n *net.IPNet) bool { return SameNet(n, network) })
}

// Conflicts returns those addresses of a bridge which keep it from being a
// gateway with the given address as well: all others of IPv4, and those of IPv6
// whose prefixes overlap. The link-local ones that IPv6 always has never do.
func Conflicts(present []*net.IPNet, gateway *net.IPNet) []*net.IPNet {
	var found []*net.IPNet
	for _, network := range present {
		if SameNet(network, gateway) || (network.IP.To4() != nil) != (gateway.IP.To4() != nil) {
			continue
		}
		overlaps := network.Contains(gateway.IP) || gateway.Contains(network.IP)
		if gateway.IP.To4() != nil || overlaps && !network.IP.IsLinkLocalUnicast() {
			found = append(found, network)
		}
	}
	return found
}
