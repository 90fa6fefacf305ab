package sbr

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/routing"
)

// firstTable is where the search for a free table begins.
const firstTable = 100

// plan is a change in the making.
type plan struct {
	*Conf
	index   int // of the interface
	view    routing.View
	sources []source
	routes  []*types.Route // of prevResult

	change routing.Change
	own    []netlink.Route // the interface's share of the main table
}

// lead gives each address a rule that leads to the configured table, and that table
// the default routes of configured gateways. Whatever else is there is somebody else's.
func (p *plan) lead() (routing.Change, error) {
	p.own, _ = p.view.Share(p.index, unix.RT_TABLE_MAIN)
	for _, s := range p.sources {
		p.change.Rules = append(p.change.Rules, routing.Rule{Src: host(s), Table: *p.Table, Protocol: routing.Protocol})
		if gateway := p.gateway(s.Addr()); gateway != nil {
			if err := p.addDefault(gateway); err != nil {
				return p.change, err
			}
		}
	}
	return p.change, nil
}

// addDefault adds an address's default route to the configured table, which has room
// for one of each family: of two, the kernel would use the first, or both by turns.
func (p *plan) addDefault(gateway net.IP) error {
	route := routing.Route(p.defaultRoute(gateway, p.own))
	route.Table = *p.Table
	if hasRoute(p.view, route.Table, route.Dst) {
		return fmt.Errorf("table %d has a default route already, and cannot have one via %v", route.Table, gateway)
	}
	for _, other := range p.change.Routes {
		if other.Gw.Equal(gateway) {
			return nil
		}
		if other.Dst.String() == route.Dst.String() {
			return fmt.Errorf("table %d cannot have default routes via %v and %v", route.Table, other.Gw, gateway)
		}
	}
	p.change.Routes = append(p.change.Routes, route)
	return nil
}

// make returns what is to change.
func (p *plan) make() (routing.Change, error) {
	if p.Table != nil {
		return p.lead()
	}
	return p.move()
}

// move gives each address a table with routes of the interface, and takes these
// away from the main table.
func (p *plan) move() (routing.Change, error) {
	p.own, p.change = p.view.Share(p.index, unix.RT_TABLE_MAIN)
	table := firstTable
	for _, s := range p.sources {
		var err error
		if table, err = p.view.FreeTable(table); err != nil {
			return p.change, err
		}
		for _, r := range p.table(s) {
			r.Table = table
			p.change.Routes = append(p.change.Routes, routing.Route(r))
		}
		p.change.Rules = append(p.change.Rules, routing.Rule{Src: host(s), Table: table, Protocol: routing.Protocol})
		table++
	}
	p.keepUnclaimed()
	if p.AddSourceHints {
		p.hint()
	}
	return p.change, nil
}

// table returns what is to be in the table of an address: the interface's routes
// that belong to it, and a default route.
func (p *plan) table(s source) []netlink.Route {
	var routes, spare []netlink.Route
	for _, r := range p.own {
		switch {
		case isGeneral(r) || belongs(r, s):
			routes = append(routes, r)
		case isOf(r, s) && !slices.ContainsFunc(p.sources, func(other source) bool { return belongs(r, other) }):
			// Gateways that are in no subnet: link-local ones, or on the link.
			spare = append(spare, r)
		}
	}
	isDefault := func(r netlink.Route) bool { return isOf(r, s) && ip.IsIPNetZero(r.Dst) }
	gateway := p.gateway(s.Addr())
	switch {
	case gateway != nil:
		routes = slices.DeleteFunc(append(routes, spare...), isDefault)
	case slices.ContainsFunc(routes, isDefault):
		routes = append(routes, slices.DeleteFunc(spare, isDefault)...)
	case s.gateway != nil:
		gateway = s.gateway
		routes = append(routes, slices.DeleteFunc(spare, isDefault)...)
	default:
		routes = append(routes, spare...)
		if !slices.ContainsFunc(routes, isDefault) {
			gateway = p.routeGateway(s)
		}
	}
	if gateway != nil {
		routes = append(routes, p.defaultRoute(gateway, routes))
	}
	return routes
}

// routeGateway returns the gateway of prevResult's default route, or nil.
func (p *plan) routeGateway(s source) net.IP {
	for _, r := range p.routes {
		if gw, ok := netip.AddrFromSlice(r.GW); ok && ip.IsIPNetZero(&r.Dst) && gw.Unmap().Is4() == s.Addr().Is4() {
			return r.GW
		}
	}
	return nil
}

// defaultRoute leads through a gateway, which is on the link if no route of the
// table leads to it.
func (p *plan) defaultRoute(gateway net.IP, routes []netlink.Route) netlink.Route {
	r := netlink.Route{LinkIndex: p.index, Dst: ip.Everywhere(gateway), Gw: gateway}
	return ip.OnLink(r, func(hop net.IP) bool {
		return slices.ContainsFunc(routes, func(r netlink.Route) bool { return !hasGateway(r) && r.Dst.Contains(hop) })
	})
}

// keepUnclaimed leaves those routes in the main table that are in no other one:
// of a family in which the interface gets no rule.
func (p *plan) keepUnclaimed() {
	p.change.Gone = slices.DeleteFunc(p.change.Gone, func(r routing.Route) bool {
		route := netlink.Route(r)
		return !isGeneral(route) && !slices.ContainsFunc(p.sources, func(s source) bool { return isOf(route, s) })
	})
}

// hint leaves routes to the subnets in the main table.
func (p *plan) hint() {
	var subnets []netip.Prefix
	for _, s := range p.sources {
		if slices.Contains(subnets, s.Masked()) {
			continue
		}
		subnets = append(subnets, s.Masked())
		p.change.Routes = append(p.change.Routes, routing.Route(hintRoute(p.index, s)))
	}
	p.change.Gone = slices.DeleteFunc(p.change.Gone, func(r routing.Route) bool {
		hinted := slices.ContainsFunc(p.sources, func(s source) bool { return ip.SameNet(r.Dst, subnet(s)) })
		return r.Scope == netlink.SCOPE_LINK && !hinted
	})
	p.keepHints()
}

// keepHints leaves alone what is as it shall be.
func (p *plan) keepHints() {
	p.change.Gone = slices.DeleteFunc(p.change.Gone, func(r routing.Route) bool {
		i := slices.IndexFunc(p.change.Routes, func(hint routing.Route) bool {
			return hint.Table == r.Table && ip.SameNet(hint.Dst, r.Dst) && hint.Src.Equal(r.Src) && hint.Priority == r.Priority && r.Gw == nil
		})
		if i < 0 {
			return false
		}
		p.change.Routes = slices.Delete(p.change.Routes, i, i+1)
		return true
	})
}

func hintRoute(index int, s source) netlink.Route {
	return netlink.Route{
		LinkIndex: index, Table: unix.RT_TABLE_MAIN, Scope: netlink.SCOPE_LINK,
		Dst: subnet(s), Src: s.Addr().AsSlice(),
	}
}

// isGeneral reports whether a route says nothing about addresses of the host or of
// a gateway. Like upstream, the plugin puts it into all tables.
func isGeneral(r netlink.Route) bool { return r.Src == nil && !hasGateway(r) }

func hasGateway(r netlink.Route) bool {
	return slices.ContainsFunc(routing.Hops(r), func(hop *netlink.NexthopInfo) bool { return hop.Gw != nil || hop.Via != nil })
}

// belongs reports whether a route has its source or a gateway in the subnet of an
// address.
func belongs(r netlink.Route, s source) bool {
	return contains(s, r.Src) || slices.ContainsFunc(routing.Hops(r), func(hop *netlink.NexthopInfo) bool {
		return contains(s, hop.Gw)
	})
}

// isOf reports whether a route is of an address's family.
func isOf(r netlink.Route, s source) bool { return (r.Dst.IP.To4() != nil) == s.Addr().Is4() }

func contains(s source, address net.IP) bool {
	a, ok := netip.AddrFromSlice(address)
	return ok && s.Masked().Contains(a.Unmap())
}

func host(s source) *net.IPNet { return ip.HostNet(s.Addr().AsSlice()) }

func subnet(s source) *net.IPNet {
	return &net.IPNet{IP: s.Masked().Addr().AsSlice(), Mask: net.CIDRMask(s.Bits(), s.Addr().BitLen())}
}
