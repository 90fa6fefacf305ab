package firewall

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netdev"
)

// strangersOn returns what tells of an address that upstream has let through whether it
// is that of a container on the bridge. Those with a claim are not upstream's, and own are
// about to go.
func (s *state) strangersOn(bridge string, own []netip.Addr) func(netip.Addr) (bool, error) {
	return func(a netip.Addr) (bool, error) {
		if slices.Contains(own, a) {
			return false, nil
		}
		claimant, err := s.claimant(addressKey(nameIPTables, a))
		if err != nil || claimant != "" {
			return false, err
		}
		return isOn(a, bridge)
	}
}

// isOn reports whether the address is in a network that the bridge has an address of.
// Without the bridge nobody is on it.
func isOn(a netip.Addr, bridge string) (bool, error) {
	index, err := netdev.IndexOf(bridge)
	if errors.Is(err, unix.ENODEV) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	addresses, err := (&net.Interface{Index: index}).Addrs()
	return slices.ContainsFunc(addresses, func(have net.Addr) bool {
		network, ok := have.(*net.IPNet)
		return ok && network.Contains(a.AsSlice())
	}), err
}
