package ip

import (
	"net"
	"net/netip"
	"slices"
)

// NextIP returns the address after ip: 4 bytes for IPv4, 16 for IPv6. It
// returns nil for the last address of the family and for what is none.
func NextIP(ip net.IP) net.IP {
	return unmapped(ip).Next().AsSlice()
}

// PrevIP returns the address before ip: 4 bytes for IPv4, 16 for IPv6. It
// returns nil for the first address of the family and for what is none.
func PrevIP(ip net.IP) net.IP {
	return unmapped(ip).Prev().AsSlice()
}

// Cmp returns -1, 0 or 1 if a is less than, equal to or greater than b, and -2
// if they are of different families or one is no address.
func Cmp(a, b net.IP) int {
	x, y := unmapped(a), unmapped(b)
	if !x.IsValid() || !y.IsValid() || x.Is4() != y.Is4() {
		return -2
	}
	return x.Compare(y)
}

// Network returns a copy of ipn with the host's part of the address set to
// zero, or nil if ipn is nil or its address and mask do not fit each other.
func Network(ipn *net.IPNet) *net.IPNet {
	if ipn == nil {
		return nil
	}
	base := ipn.IP.Mask(ipn.Mask)
	if !unmapped(base).IsValid() {
		return nil
	}
	return &net.IPNet{IP: base, Mask: slices.Clone(ipn.Mask)}
}

// IsIPNetZero reports whether ipnet is nil, 0.0.0.0/0 or ::/0: the destination
// of a default route.
func IsIPNetZero(ipnet *net.IPNet) bool {
	if ipnet == nil {
		return true
	}
	ones, bits := ipnet.Mask.Size()
	return ones == 0 && bits > 0 && ipnet.IP.IsUnspecified()
}

// unmapped returns ip in the family it is of, however many bytes it has: the 16
// of ::ffff:192.0.2.1 are an IPv4 address. What is none becomes the zero Addr.
func unmapped(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}
