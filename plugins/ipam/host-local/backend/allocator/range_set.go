package allocator

import (
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
)

// RangeSet is ranges out of which a container gets one address. They are of one
// family and do not overlap.
type RangeSet []Range

// Canonicalize makes all ranges canonical. It returns an error if there is none,
// if one is invalid, or if they differ in family or overlap.
func (s *RangeSet) Canonicalize() error {
	if len(*s) == 0 {
		return errors.New("empty range set")
	}
	for i := range *s {
		if err := (*s)[i].Canonicalize(); err != nil {
			return err
		}
		if len((*s)[i].RangeStart) != len((*s)[0].RangeStart) {
			return errors.New("mixed address families")
		}
	}
	for i := range *s {
		for j := range (*s)[:i] {
			if a, b := &(*s)[j], &(*s)[i]; a.Overlaps(b) {
				return fmt.Errorf("subnets %s and %s overlap", a, b)
			}
		}
	}
	return nil
}

// Contains reports whether one of the ranges contains addr.
func (s *RangeSet) Contains(addr net.IP) bool {
	_, err := s.RangeFor(addr)
	return err == nil
}

// RangeFor returns the range that contains addr.
func (s *RangeSet) RangeFor(addr net.IP) (*Range, error) {
	for i := range *s {
		if r := &(*s)[i]; r.Contains(addr) {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%s not in range set %s", addr, s)
}

// Overlaps reports whether two canonical sets have an address in common.
func (s *RangeSet) Overlaps(p1 *RangeSet) bool {
	for i := range *s {
		for j := range *p1 {
			if (*s)[i].Overlaps(&(*p1)[j]) {
				return true
			}
		}
	}
	return false
}

// String returns the ranges with commas between.
func (s *RangeSet) String() string {
	ranges := make([]string, len(*s))
	for i := range *s {
		ranges[i] = (*s)[i].String()
	}
	return strings.Join(ranges, ",")
}

// Size returns how many addresses a canonical set can give out.
func (s *RangeSet) Size() *big.Int {
	size := new(big.Int)
	for i := range *s {
		start, end := new(big.Int).SetBytes((*s)[i].RangeStart), new(big.Int).SetBytes((*s)[i].RangeEnd)
		size.Add(size, end.Sub(end, start)).Add(size, big.NewInt(1))
	}
	gateways := map[netip.Addr]bool{}
	for i := range *s {
		if gateway := (*s)[i].Gateway; s.Contains(gateway) {
			gateways[toAddr(gateway)] = true
		}
	}
	return size.Sub(size, big.NewInt(int64(len(gateways))))
}

// GivesOut reports whether addr is one of the addresses that the set can give out.
func (s *RangeSet) GivesOut(addr netip.Addr) bool {
	return s.Contains(addr.AsSlice()) && !s.isGateway(addr)
}

// isGateway reports whether addr is a gateway of the set.
func (s *RangeSet) isGateway(addr netip.Addr) bool {
	for i := range *s {
		if toAddr((*s)[i].Gateway) == addr {
			return true
		}
	}
	return false
}

// segment is an interval of addresses in one range.
type segment struct {
	lo, hi netip.Addr
	*Range
}

// segments returns the intervals of a canonical set in the order in which they
// are searched: from the address behind last to the end, from the beginning to
// last. If the set does not contain last, that is from beginning to end.
func (s *RangeSet) segments(last netip.Addr) []segment {
	var ahead, behind []segment
	for i := range *s {
		r := &(*s)[i]
		whole := segment{toAddr(r.RangeStart), toAddr(r.RangeEnd), r}
		switch {
		case len(behind) > 0:
			ahead = append(ahead, whole)
		case r.Contains(last.AsSlice()):
			behind = append(ahead, segment{whole.lo, last, r})
			ahead = nil
			if last != whole.hi {
				ahead = append(ahead, segment{last.Next(), whole.hi, r})
			}
		default:
			ahead = append(ahead, whole)
		}
	}
	return append(ahead, behind...)
}
