package check

import (
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/check/verdict"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
)

func (e Expect) compareRoutes(n *link.Namespace, l netlink.Link) ([]error, error) {
	index := l.Attrs().Index
	if !e.Alone {
		e.Routes = slices.DeleteFunc(slices.Clone(e.Routes), func(want netlink.Route) bool { return isUsed(n, want, index) })
	}
	have, err := e.listRoutes(n, l)
	if err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(e.Routes), func(want netlink.Route) bool { return hasRoute(have, want, index) })
	if missing, err = withoutMoved(n, l, missing, have); err != nil {
		return nil, err
	}
	var errs []error
	for _, r := range missing {
		errs = append(errs, fmt.Errorf("interface %s lacks route %s", e.Name, ip.RouteText(r)))
	}
	if e.Alone {
		errs = append(errs, e.furtherRoutes(have, index)...)
	}
	return errs, nil
}

// isUsed reports whether the kernel sends packets to a single address by the route.
// Where it does, the list is not needed, for which the kernel walks through all routes
// of a host. Where it does not, rules may lead past the route.
func isUsed(n *link.Namespace, want netlink.Route, index int) bool {
	if ones, bits := want.Dst.Mask.Size(); ones < bits {
		return false
	}
	// The route itself, not what became of it (4.13).
	used, err := n.RouteGetWithOptions(want.Dst.IP, &netlink.RouteGetOptions{FIBMatch: true})
	return err == nil && hasRoute(used, want, index)
}

// listRoutes returns the interface's routes in all tables, of the families that
// are expected.
func (e Expect) listRoutes(n *link.Namespace, l netlink.Link) ([]netlink.Route, error) {
	var all []netlink.Route
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		if !slices.ContainsFunc(e.Routes, func(r netlink.Route) bool { return ip.FamilyOf(r) == family }) {
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

// hasRoute looks for a route with the destination, table, metrics and next hops of want.
// Next hops may be those of several routes: upstream makes one for each.
func hasRoute(have []netlink.Route, want netlink.Route, index int) bool {
	var hops []net.IP
	for _, r := range have {
		if ip.SameNet(r.Dst, want.Dst) && r.Table == ip.TableOf(want) && sameMetrics(r, want) {
			hops = append(hops, ip.GatewaysThrough(r, index)...)
		}
	}
	return !slices.ContainsFunc(ip.GatewaysThrough(want, index), func(gateway net.IP) bool { return !hasGateway(hops, gateway) })
}

// sameMetrics compares the priority and what want limits. IPv6 routes get
// priority 1024 by default (IP6_RT_PRIO_USER).
func sameMetrics(have, want netlink.Route) bool {
	return (have.Priority == want.Priority || want.Priority == 0 && have.Priority == 1024) &&
		(want.MTU == 0 || have.MTU == want.MTU) &&
		(want.AdvMSS == 0 || have.AdvMSS == want.AdvMSS)
}

func hasGateway(gateways []net.IP, gateway net.IP) bool {
	return slices.ContainsFunc(gateways, gateway.Equal)
}

// furtherRoutes are those of the main table that somebody has added: neither the kernel
// nor a router.
func (e Expect) furtherRoutes(have []netlink.Route, index int) []error {
	var errs []error
	for _, r := range have {
		if r.Table != unix.RT_TABLE_MAIN || r.Protocol <= unix.RTPROT_KERNEL || r.Protocol == unix.RTPROT_RA {
			continue
		}
		for _, gateway := range ip.GatewaysThrough(r, index) {
			expected := slices.ContainsFunc(e.Routes, func(want netlink.Route) bool {
				return ip.SameNet(want.Dst, r.Dst) && hasGateway(ip.GatewaysThrough(want, index), gateway)
			})
			if !expected {
				further := netlink.Route{Dst: r.Dst, Gw: gateway}
				errs = append(errs, verdict.Tuned(fmt.Errorf("interface %s has route %s, too", e.Name, ip.RouteText(further))))
			}
		}
	}
	return errs
}
