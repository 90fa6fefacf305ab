package allocator

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"
)

// Range is a part of a subnet. Its addresses are given out from RangeStart to
// RangeEnd, but for Gateway.
type Range struct {
	// RangeStart is the first address. Default: the first after the network address.
	RangeStart net.IP `json:"rangeStart,omitempty"`
	// RangeEnd is the last address. Default: the last, for IPv4 that before the broadcast
	// address.
	RangeEnd net.IP `json:"rangeEnd,omitempty"`
	// Subnet is a network address with the length of its prefix, up to /30 or /126.
	//
	//schema:required
	Subnet types.IPNet `json:"subnet"`
	// Gateway is the next hop for routes that name none. It is not given out. Default: the
	// first after the network address.
	Gateway net.IP `json:"gateway,omitempty"`
}

// Canonicalize fills in what is left out and makes IPv4 addresses 4 bytes long.
// It returns an error if the subnet is missing or no network address, has less
// than two addresses to give out, or does not contain the range, and if the range
// has no address.
func (r *Range) Canonicalize() error {
	if err := canonicalizeIP(&r.Subnet.IP); err != nil {
		return err
	}
	ones, bits := r.Subnet.Mask.Size()
	if bits != 8*len(r.Subnet.IP) {
		return errors.New("IPNet IP and Mask version mismatch")
	}
	if ones > bits-2 {
		//lint:ignore ST1005 upstream's text, which others match
		return fmt.Errorf("Network %s too small to allocate from", (*net.IPNet)(&r.Subnet).String())
	}
	if network := r.Subnet.IP.Mask(r.Subnet.Mask); !r.Subnet.IP.Equal(network) {
		//lint:ignore ST1005 upstream's text, which others match
		return fmt.Errorf("Network has host bits set. For a subnet mask of length %d the network address is %s", ones, network)
	}
	first := toAddr(r.Subnet.IP).Next()

	if len(r.Gateway) == 0 {
		r.Gateway = first.AsSlice()
	} else if err := canonicalizeIP(&r.Gateway); err != nil {
		return err
	}
	if len(r.RangeStart) == 0 {
		r.RangeStart = first.AsSlice()
	} else if err := canonicalizeIP(&r.RangeStart); err != nil {
		return err
	} else if !(*net.IPNet)(&r.Subnet).Contains(r.RangeStart) {
		return fmt.Errorf("RangeStart %s not in network %s", r.RangeStart, (*net.IPNet)(&r.Subnet).String())
	}
	if len(r.RangeEnd) == 0 {
		r.RangeEnd = lastOf(r.Subnet)
	} else if err := canonicalizeIP(&r.RangeEnd); err != nil {
		return err
	} else if !(*net.IPNet)(&r.Subnet).Contains(r.RangeEnd) {
		return fmt.Errorf("RangeEnd %s not in network %s", r.RangeEnd, (*net.IPNet)(&r.Subnet).String())
	}
	if toAddr(r.RangeEnd).Less(toAddr(r.RangeStart)) {
		return fmt.Errorf("RangeStart %s is after RangeEnd %s in network %s", r.RangeStart, r.RangeEnd, (*net.IPNet)(&r.Subnet).String())
	}
	return nil
}

// Contains reports whether addr is in the subnet, and neither before RangeStart
// nor behind RangeEnd where these are set.
func (r *Range) Contains(addr net.IP) bool {
	a, start, end := toAddr(addr), toAddr(r.RangeStart), toAddr(r.RangeEnd)
	if !a.IsValid() || a.BitLen() != 8*len(r.Subnet.Mask) || !(*net.IPNet)(&r.Subnet).Contains(addr) {
		return false
	}
	if start.BitLen() == a.BitLen() && a.Less(start) {
		return false
	}
	return end.BitLen() != a.BitLen() || !end.Less(a)
}

// Overlaps reports whether two canonical ranges have an address in common.
func (r *Range) Overlaps(r1 *Range) bool {
	start, end := toAddr(r.RangeStart), toAddr(r.RangeEnd)
	start1, end1 := toAddr(r1.RangeStart), toAddr(r1.RangeEnd)
	return start.BitLen() == start1.BitLen() && !end1.Less(start) && !end.Less(start1)
}

// String returns the first and the last address with a hyphen between.
func (r *Range) String() string {
	return fmt.Sprintf("%s-%s", r.RangeStart, r.RangeEnd)
}

// lastOf returns the last address of a canonical subnet that a host can have.
func lastOf(subnet types.IPNet) net.IP {
	last := make(net.IP, len(subnet.IP))
	for i := range last {
		last[i] = subnet.IP[i] | ^subnet.Mask[i]
	}
	if len(last) == net.IPv4len {
		last[len(last)-1]-- // the highest is the broadcast address
	}
	return last
}

// canonicalizeIP makes an IPv4 address 4 bytes long, also in IPv6 notation.
func canonicalizeIP(ip *net.IP) error {
	addr := toAddr(*ip)
	if !addr.IsValid() {
		return fmt.Errorf("IP %s not v4 nor v6", *ip)
	}
	*ip = addr.AsSlice()
	return nil
}

// toAddr returns ip, as IPv4 if it is that in IPv6 notation. The result is
// invalid if ip is no address.
func toAddr(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}
