package firewall

import (
	"net"
	"net/netip"
	"slices"
)

// strangersOn returns what tells of an address that upstream has let through whether it
// is that of a container on the bridge. Our own are not upstream's, and own is about to go. What cannot be
// told may be one: a policy that stays too long does less harm than one that is missing.
func (s *state) strangersOn(bridge string, own []netip.Addr) func(netip.Addr) bool {
	return func(a netip.Addr) bool {
		if slices.Contains(own, a) {
			return false
		}
		claimant, err := s.claimant(addressKey(nameIPTables, a), "")
		if err != nil || claimant != "" {
			return err != nil
		}
		return isOn(a, bridge)
	}
}

// isOn reports whether the address is in a network that the bridge has an address of.
func isOn(a netip.Addr, bridge string) bool {
	i, err := net.InterfaceByName(bridge)
	if err != nil {
		return false // there is none, and nobody on it
	}
	addresses, err := i.Addrs()
	return err != nil || slices.ContainsFunc(addresses, func(have net.Addr) bool {
		network, ok := have.(*net.IPNet)
		return ok && network.Contains(a.AsSlice())
	})
}
