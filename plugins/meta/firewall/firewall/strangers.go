package firewall

import (
	"errors"
	"net"
	"net/netip"
	"slices"
)

// strangersOn returns what tells of an address that upstream has let through whether it
// is that of a container on the bridge. Those with a claim are not upstream's, and own are
// about to go.
func (s *state) strangersOn(bridge string, own []netip.Addr) func(netip.Addr) (bool, error) {
	return func(a netip.Addr) (bool, error) {
		if slices.Contains(own, a) {
			return false, nil
		}
		claimant, err := s.claimant(addressKey(nameIPTables, a), "")
		if err != nil || claimant != "" {
			return false, err
		}
		return isOn(a, bridge)
	}
}

// isOn reports whether the address is in a network that the bridge has an address of.
func isOn(a netip.Addr, bridge string) (bool, error) {
	i, err := net.InterfaceByName(bridge)
	if err != nil {
		return false, ignoreNoSuch(err)
	}
	addresses, err := i.Addrs()
	return slices.ContainsFunc(addresses, func(have net.Addr) bool {
		network, ok := have.(*net.IPNet)
		return ok && network.Contains(a.AsSlice())
	}), err
}

// ignoreNoSuch leaves out that there is no such bridge, and so nobody on it: package net
// has no error value for that.
func ignoreNoSuch(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err.Error() == "no such network interface" {
		return nil
	}
	return err
}
