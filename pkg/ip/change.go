//go:build linux

package ip

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// Placement is where the routes of a Config are that an interface got. Others may have moved them
// to another table since, as sbr and vrf do, given them another metric, or removed them.
type Placement struct {
	Config
	// have are all routes through the interface, lost says that some may be missing of which
	// nobody wanted that.
	have []netlink.Route
	lost bool
}

// Locate looks where the routes of c are. With flushed, those that are missing may have been
// dropped by the kernel, as it does when an interface goes down. They have been, too, if an address
// of c is missing.
func (c Config) Locate(n *link.Namespace, l netlink.Link, flushed bool) (Placement, error) {
	p := Placement{Config: c, lost: flushed}
	if len(c.Routes) == 0 {
		return p, nil
	}
	networks, err := n.Networks(l)
	if err != nil {
		return p, err
	}
	p.lost = p.lost || slices.ContainsFunc(c.Addrs, func(addr netlink.Addr) bool {
		return !slices.ContainsFunc(networks, func(network *net.IPNet) bool { return SameNet(network, addr.IPNet) })
	})
	p.have, err = routesLike(n, l, c.Routes)
	return p, err
}

// Change gives the interface, which is up, what next has instead of what was located. What others
// have made of a route stays: one that they moved is replaced where it is, one that they removed is
// none. Routes that were lost come back unless there is one to their destination in any table, and
// new ones come, in the table of the interface's VRF, or else in that which they name. It goes on
// after an error.
func (p Placement) Change(n *link.Namespace, l netlink.Link, next Config) error {
	wanted, gone := p.plan(l, next)
	var errs []error
	for _, route := range gone {
		errs = append(errs, removeRoute(n, l, route))
	}
	for _, addr := range p.Addrs {
		if !slices.ContainsFunc(next.Addrs, func(a netlink.Addr) bool { return SameNet(a.IPNet, addr.IPNet) }) {
			errs = append(errs, removeAddr(n, l, addr))
		}
	}
	for _, addr := range next.Addrs {
		if err := n.AddrAdd(l, &addr); err != nil && !errors.Is(err, unix.EEXIST) {
			errs = append(errs, fmt.Errorf("add address %v to %q: %w", addr.IPNet, l.Attrs().Name, err))
		}
	}
	// With an interface's last IPv4 address all of its routes go.
	present, err := routesLike(n, l, wanted)
	errs = append(errs, err)
	for _, route := range wanted {
		if slices.ContainsFunc(present, func(r netlink.Route) bool { return isAt(r, route) && leadsAs(r, route, l) }) {
			continue
		}
		if err := addBeside(n, l, route); err != nil && !errors.Is(err, unix.EEXIST) {
			errs = append(errs, fmt.Errorf("add route %s dev %s: %w", RouteText(route), l.Attrs().Name, err))
		}
	}
	return errors.Join(errs...)
}

// plan returns which routes the interface is to have of next, and which ones it is to have no longer.
func (p Placement) plan(l netlink.Link, next Config) (wanted, gone []netlink.Route) {
	for _, old := range p.Routes {
		stays := slices.ContainsFunc(next.Routes, func(r netlink.Route) bool { return reflect.DeepEqual(r, old) })
		for _, place := range p.places(old, l) {
			if !stays {
				gone = append(gone, movedTo(old, place))
			}
		}
	}
	for _, route := range next.Routes {
		known := false
		for _, old := range p.Routes {
			if !leadsWhere(old, route) {
				continue
			}
			known = true
			for _, place := range p.places(old, l) {
				wanted = append(wanted, movedTo(route, place))
			}
		}
		isThere := slices.ContainsFunc(p.have, func(r netlink.Route) bool { return leadsWhere(r, route) })
		if !known || p.lost && !isThere {
			wanted = append(wanted, atHome(route, l))
		}
	}
	return wanted, gone
}

// places returns the interface's routes that are a route of the Config.
func (p Placement) places(route netlink.Route, l netlink.Link) (at []netlink.Route) {
	for _, r := range p.have {
		if leadsAs(r, route, l) {
			at = append(at, r)
		}
	}
	return at
}

// movedTo returns a route in the place of another one.
func movedTo(route, place netlink.Route) netlink.Route {
	route.Table, route.Priority = place.Table, place.Priority
	return route
}

// atHome returns a route where an interface has those of its addresses.
func atHome(route netlink.Route, l netlink.Link) netlink.Route {
	if vrf, ok := l.Attrs().Slave.(*netlink.VrfSlave); ok && IsMainTable(route.Table) {
		route.Table = int(vrf.Table)
	}
	return route
}

// leadsWhere reports whether routes have the same destination, in whatever table.
func leadsWhere(a, b netlink.Route) bool { return FamilyOf(a) == FamilyOf(b) && SameNet(a.Dst, b.Dst) }

// leadsAs reports whether a route of the kernel has the destination and, through the interface, the
// next hops of another one.
func leadsAs(have, want netlink.Route, l netlink.Link) bool {
	hops := GatewaysThrough(have, l.Attrs().Index)
	return leadsWhere(have, want) && !slices.ContainsFunc(GatewaysThrough(want, l.Attrs().Index), func(gateway net.IP) bool {
		return !slices.ContainsFunc(hops, gateway.Equal)
	})
}

// isAt reports whether routes are in the same table, with the same metric. IPv6 routes get 1024 by
// default (IP6_RT_PRIO_USER).
func isAt(have, want netlink.Route) bool {
	return TableOf(have) == TableOf(want) && (have.Priority == want.Priority || want.Priority == 0 && have.Priority == 1024)
}

// routesLike returns the routes through an interface of those families that others are of.
func routesLike(n *link.Namespace, l netlink.Link, routes []netlink.Route) (all []netlink.Route, err error) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		if !slices.ContainsFunc(routes, func(r netlink.Route) bool { return FamilyOf(r) == family }) {
			continue
		}
		have, err := n.Routes(l, family)
		if err != nil {
			return nil, err
		}
		all = append(all, have...)
	}
	return all, nil
}

// removeRoute removes a route, whatever its MTU is now.
func removeRoute(n *link.Namespace, l netlink.Link, route netlink.Route) error {
	route.MTU, route.AdvMSS = 0, 0
	if err := n.RouteDel(on(l, route)); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove route %s dev %s: %w", RouteText(route), l.Attrs().Name, err)
	}
	return nil
}

func removeAddr(n *link.Namespace, l netlink.Link, addr netlink.Addr) error {
	if err := n.AddrDel(l, &addr); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("remove address %v from %q: %w", addr.IPNet, l.Attrs().Name, err)
	}
	return nil
}
