package link

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrNoDefaultRoute is what DefaultRouteLink returns if there is no interface to
// be found.
var ErrNoDefaultRoute = errors.New("no default route interface found")

// DefaultRouteLink returns the interface through which packets to elsewhere
// leave by the main table: that of the default route with the lowest metric and,
// if that has several next hops, of the one with the greatest weight. IPv4 comes
// first; only a namespace without an IPv4 default route is asked for IPv6.
func (n *Namespace) DefaultRouteLink() (netlink.Link, error) {
	// Kernels since 4.20 then leave other tables out. Not for longer: the
	// library's other requests are not strict.
	_ = n.SetStrictCheck(true)
	defer func() { _ = n.SetStrictCheck(false) }()
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		filter := &netlink.Route{Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST}
		routes, err := n.RouteListFiltered(family, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE|netlink.RT_FILTER_DST)
		if err != nil && !errors.Is(err, unix.ENOENT) { // ENOENT: there has been no route in the table
			return nil, fmt.Errorf("list default routes: %w", err)
		}
		if index := bestHop(routes); index != 0 {
			l, err := n.LinkByIndex(index)
			if err != nil {
				return nil, fmt.Errorf("look the interface of the default route up: %w", err)
			}
			return l, nil
		}
	}
	return nil, ErrNoDefaultRoute
}

// bestHop returns the interface of the next hop that takes most packets of the
// routes, or 0. Those whose interface is down (RTNH_F_DEAD) do not count. Among
// equals, the kernel's order decides.
func bestHop(routes []netlink.Route) int {
	best, metric, weight := 0, 0, 0
	consider := func(r netlink.Route, hop netlink.NexthopInfo) {
		if hop.LinkIndex == 0 || hop.Flags&unix.RTNH_F_DEAD != 0 {
			return
		}
		if best == 0 || r.Priority < metric || r.Priority == metric && hop.Hops > weight {
			best, metric, weight = hop.LinkIndex, r.Priority, hop.Hops
		}
	}
	for _, r := range routes {
		if len(r.MultiPath) == 0 {
			consider(r, netlink.NexthopInfo{LinkIndex: r.LinkIndex, Flags: r.Flags})
		}
		for _, hop := range r.MultiPath {
			consider(r, *hop)
		}
	}
	return best
}
