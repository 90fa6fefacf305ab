// Package allocator chooses addresses out of range sets, as host-local's
// configuration has them.
package allocator

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/netip"
	"slices"
	"strconv"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend"
)

// IPAllocator gives out addresses of one range set.
type IPAllocator struct {
	rangeset *RangeSet
	store    backend.Store
	rangeID  string
}

// NewIPAllocator returns an allocator of the canonical set s, the id-th of its
// network. If store is a backend.Pool as well, it asks that for free addresses.
func NewIPAllocator(s *RangeSet, store backend.Store, id int) *IPAllocator {
	return &IPAllocator{rangeset: s, store: store, rangeID: strconv.Itoa(id)}
}

// Get reserves an address for the interface ifname of container id:
// requestedIP, unless it is nil, else the one that the interface had before the
// machine booted, else the first free one after the last that was given out,
// else the one that has been unused longest since the machine booted. It returns
// an error if the interface has an address of the set already.
func (a *IPAllocator) Get(id string, ifname string, requestedIP net.IP) (*current.IPConfig, error) {
	if err := a.store.Lock(); err != nil {
		return nil, err
	}
	defer a.store.Unlock()

	inherited, err := a.inherited(id, ifname)
	if err != nil {
		return nil, err
	}
	if requestedIP != nil {
		return a.request(id, ifname, requestedIP)
	}
	for _, ip := range inherited {
		if config, err := a.reserve(id, ifname, toAddr(ip)); config != nil || err != nil {
			return config, err
		}
	}
	return a.search(id, ifname)
}

// Release frees what the interface ifname of container id has.
func (a *IPAllocator) Release(id string, ifname string) error {
	if err := a.store.Lock(); err != nil {
		return err
	}
	defer a.store.Unlock()
	return a.store.ReleaseByID(id, ifname)
}

// inherited returns what the interface had of the set before the machine booted.
// It returns an error if the interface has an address now.
func (a *IPAllocator) inherited(id, ifname string) ([]net.IP, error) {
	var inherited []net.IP
	if pool, ok := a.store.(backend.Pool); ok {
		inherited = slices.DeleteFunc(pool.Inherited(id, ifname), func(ip net.IP) bool {
			return !a.rangeset.Contains(ip)
		})
	}
	for _, ip := range a.store.GetByID(id, ifname) {
		if a.rangeset.Contains(ip) && !slices.ContainsFunc(inherited, ip.Equal) {
			return nil, fmt.Errorf("%s has been allocated to %s, duplicate allocation is not allowed", ip, id)
		}
	}
	return inherited, nil
}

// request reserves a certain address.
func (a *IPAllocator) request(id, ifname string, ip net.IP) (*current.IPConfig, error) {
	addr := toAddr(ip)
	if !addr.IsValid() {
		return nil, fmt.Errorf("IP %s not v4 nor v6", ip)
	}
	if _, err := a.rangeset.RangeFor(ip); err != nil {
		return nil, err
	}
	if a.rangeset.isGateway(addr) {
		return nil, fmt.Errorf("requested ip %s is subnet's gateway", addr)
	}
	config, err := a.reserve(id, ifname, addr)
	if config == nil && err == nil {
		err = fmt.Errorf("requested IP address %s is not available in range set %s", addr, a.rangeset)
	}
	return config, err
}

// search reserves the next address that nobody has.
func (a *IPAllocator) search(id, ifname string) (*current.IPConfig, error) {
	for _, s := range a.rangeset.segments(a.lastReserved()) {
		for addr, ok := a.firstFree(s.lo, s.hi); ok; addr, ok = a.firstFree(addr.Next(), s.hi) {
			if config, err := a.reserve(id, ifname, addr); config != nil || err != nil {
				return config, err
			}
		}
	}
	if pool, ok := a.store.(backend.Pool); ok {
		addr, ok := pool.OldestInherited(a.rangeset.GivesOut)
		if ok {
			if config, err := a.reserve(id, ifname, addr); config != nil || err != nil {
				return config, err
			}
		}
	}
	return nil, fmt.Errorf("no IP addresses available in range set: %s", a.rangeset)
}

// firstFree returns the lowest address from lo to hi that is worth a try.
func (a *IPAllocator) firstFree(lo, hi netip.Addr) (netip.Addr, bool) {
	pool, ok := a.store.(backend.Pool)
	for lo.IsValid() && !hi.Less(lo) {
		addr := lo
		if ok {
			if addr, ok = pool.FirstFree(lo, hi); !ok {
				break
			}
		}
		if !a.rangeset.isGateway(addr) {
			return addr, true
		}
		lo = addr.Next()
	}
	return netip.Addr{}, false
}

// reserve reserves addr. It returns nil if addr is taken or a gateway.
func (a *IPAllocator) reserve(id, ifname string, addr netip.Addr) (*current.IPConfig, error) {
	r, err := a.rangeset.RangeFor(addr.AsSlice())
	if err != nil || a.rangeset.isGateway(addr) {
		return nil, err
	}
	reserved, err := a.store.Reserve(id, ifname, addr.AsSlice(), a.rangeID)
	if err != nil || !reserved {
		return nil, err
	}
	return &current.IPConfig{
		Address: net.IPNet{IP: addr.AsSlice(), Mask: r.Subnet.Mask},
		Gateway: r.Gateway,
	}, nil
}

// lastReserved returns the address that the set gave out last. Without one the
// search begins at the beginning, which is no reason to fail.
func (a *IPAllocator) lastReserved() netip.Addr {
	ip, err := a.store.LastReservedIP(a.rangeID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Printf("Error retrieving last reserved ip: %v", err)
	}
	return toAddr(ip)
}

// RangeIter goes through the addresses of a range set once.
type RangeIter struct {
	rangeset *RangeSet
	segments []segment // what is left
}

// GetIter returns an iterator that begins behind the address that the set gave
// out last. The error is always nil.
func (a *IPAllocator) GetIter() (*RangeIter, error) {
	return &RangeIter{a.rangeset, a.rangeset.segments(a.lastReserved())}, nil
}

// Next returns the next address, whether it is free or not, with its subnet's
// mask, and the subnet's gateway. It leaves out gateways. Both results are nil at
// the end.
func (i *RangeIter) Next() (*net.IPNet, net.IP) {
	for len(i.segments) > 0 {
		s := &i.segments[0]
		addr := s.lo
		if addr.IsValid() && !s.hi.Less(addr) {
			s.lo = addr.Next()
			if !i.rangeset.isGateway(addr) {
				return &net.IPNet{IP: addr.AsSlice(), Mask: s.Subnet.Mask}, s.Gateway
			}
			continue
		}
		i.segments = i.segments[1:]
	}
	return nil, nil
}
