package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
)

// protocol is what the agent's routes are known by, also to an agent that starts after
// one was killed. rtnetlink(7) leaves numbers above 4 to user space; this one is in no
// list of iproute2.
const protocol netlink.RouteProtocol = 205

// families are those of routes.
var families = []int{netlink.FAMILY_V4, netlink.FAMILY_V6}

// hop is the way to a node: of its podCIDRs, there is one route through it each.
type hop struct {
	// via is an address that the interface reaches, not necessarily in its subnets.
	via netip.Addr
	// link is the index of the interface.
	link int
	// source is the address that the node's own packets have, or the zero value: the
	// kernel chooses one.
	source netip.Addr
}

// wayTable are the hops by destination.
type wayTable map[netip.Prefix]hop

// fib is what the kernel's main table has, of one family or both.
type fib struct {
	// ours are the agent's.
	ours wayTable
	// others are the destinations of all others, with the interfaces that reach them
	// without a gateway; 0 stands for those with one. The longest come first.
	others []neighbourhood
}

type neighbourhood struct {
	prefix netip.Prefix
	link   int
}

// readFIB returns the main table.
func readFIB(h netlinksafe.Handle) (fib, error) {
	f := fib{ours: wayTable{}}
	for _, family := range families {
		routes, err := h.RouteList(nil, family)
		if err != nil {
			return fib{}, fmt.Errorf("list routes: %w", err)
		}
		for _, r := range routes {
			f.add(r)
		}
	}
	slices.SortStableFunc(f.others, func(a, b neighbourhood) int { return b.prefix.Bits() - a.prefix.Bits() })
	return f, nil
}

func (f *fib) add(r netlink.Route) {
	addr, _ := netip.AddrFromSlice(r.Dst.IP) // of a default route, too
	bits, _ := r.Dst.Mask.Size()
	prefix := netip.PrefixFrom(addr.Unmap(), bits)
	if r.Protocol == protocol {
		via, _ := netip.AddrFromSlice(r.Gw)
		source, _ := netip.AddrFromSlice(r.Src)
		f.ours[prefix] = hop{via: via.Unmap(), link: r.LinkIndex, source: source.Unmap()}
		return
	}
	n := neighbourhood{prefix: prefix}
	if r.Gw == nil && r.Via == nil && len(r.MultiPath) == 0 && r.Type == unix.RTN_UNICAST {
		n.link = r.LinkIndex
	}
	f.others = append(f.others, n)
}

// onLink returns the index of the interface that reaches the address without a gateway,
// or 0.
func (f fib) onLink(a netip.Addr) int {
	for _, n := range f.others {
		if n.prefix.Contains(a) {
			return n.link
		}
	}
	return 0
}

// uplink returns the interface that has one of the node's addresses or, if none has or it is
// the loopback, as where the cloud translates them or a routing protocol tells of them, that
// of the default route.
func uplink(h netlinksafe.Handle, own []netip.Addr) (netlink.Link, error) {
	addresses, err := h.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range addresses {
		addr, _ := netip.AddrFromSlice(a.IP)
		if !slices.Contains(own, addr.Unmap()) {
			continue
		}
		device, err := h.LinkByIndex(a.LinkIndex)
		if err != nil || device.Attrs().Flags&net.FlagLoopback == 0 {
			return device, err
		}
	}
	for _, family := range families { // of all at once the library finds no default route
		routes, err := h.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_DST)
		if err != nil {
			return nil, fmt.Errorf("list default routes: %w", err)
		}
		for _, r := range routes {
			if len(r.MultiPath) > 0 {
				r.LinkIndex = r.MultiPath[0].LinkIndex
			}
			if r.LinkIndex != 0 {
				return h.LinkByIndex(r.LinkIndex)
			}
		}
	}
	return nil, fmt.Errorf("no interface has one of the node's addresses %v, and there is no default route", own)
}

// settle makes the routes those that are wanted. What others made stays as it is: a
// destination that they have a route to is among those that it returns.
func (f fib) settle(h netlinksafe.Handle, wanted wayTable) (taken []netip.Prefix, err error) {
	var errs []error
	for prefix, there := range f.ours {
		if _, ok := wanted[prefix]; ok {
			continue
		}
		if err := h.RouteDel(there.route(prefix)); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("delete route to %s: %w", prefix, err))
		}
	}
	foreign := map[netip.Prefix]bool{}
	for _, n := range f.others {
		foreign[n.prefix] = true
	}
	for prefix, w := range wanted {
		there, ok := f.ours[prefix]
		set, how := h.RouteAdd, "add"
		switch {
		case ok && there == w:
			continue
		case ok:
			set, how = h.RouteReplace, "replace"
		case foreign[prefix]: // one of another metric the kernel takes beside it
			taken = append(taken, prefix)
			continue
		}
		err := set(w.route(prefix))
		if errors.Is(err, unix.EEXIST) {
			taken = append(taken, prefix)
		} else if err != nil {
			errs = append(errs, fmt.Errorf("%s route to %s via %s: %w", how, prefix, w.via, err))
		}
	}
	return taken, errors.Join(errs...)
}

func (w hop) route(prefix netip.Prefix) *netlink.Route {
	r := &netlink.Route{
		Dst:       ipNet(prefix),
		Gw:        w.via.AsSlice(),
		LinkIndex: w.link,
		Protocol:  protocol,
		Flags:     int(netlink.FLAG_ONLINK),
	}
	if w.source.IsValid() {
		r.Src = w.source.AsSlice()
	}
	return r
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
