package netdev

import (
	"fmt"
	"net"
	"slices"
)

// MinMTU6 is the smallest MTU that IPv6 allows (RFC 8200, section 5). With less the kernel
// takes IPv6 away from an interface, and says of an address that it is invalid.
const MinMTU6 = 1280

// CheckMTU refuses an MTU in bytes, 0 for the kernel's choice, that is too small for an
// address of one of the networks.
func CheckMTU(mtu int, networks []*net.IPNet) error {
	if mtu == 0 || mtu >= MinMTU6 {
		return nil
	}
	i := slices.IndexFunc(networks, func(n *net.IPNet) bool { return n.IP.To4() == nil })
	if i < 0 {
		return nil
	}
	return fmt.Errorf("MTU %d is too small for %v: IPv6 needs at least %d", mtu, networks[i], MinMTU6)
}
