// Package routing moves the routes of an interface from one table to another, with
// the rules that lead there, and back: for the plugins that give an interface
// tables of its own.
package routing

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// View is what a namespace has of rules, and of routes in all tables. A route of
// IPv6 with several next hops, which the kernel keeps as several routes, is
// several here.
type View struct {
	Rules  []netlink.Rule
	Routes []netlink.Route

	vrfs []int // tables of VRFs
}

// Look takes a view of the namespace.
func Look(n *link.Namespace) (View, error) {
	var v View
	rules, err := n.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return v, fmt.Errorf("list rules: %w", err)
	}
	for _, r := range rules {
		if isIP(r.Family) {
			v.Rules = append(v.Rules, r)
		}
	}
	routes, err := n.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return v, fmt.Errorf("list routes: %w", err)
	}
	for _, r := range routes {
		if isIP(r.Family) {
			v.Routes = append(v.Routes, split(normal(r))...)
		}
	}
	v.vrfs, err = vrfTables(n, v.Rules)
	return v, err
}

// vrfTables returns the tables of VRFs, which may be empty still. The kernel makes
// rules without a table, for all VRFs, when it makes the first one.
func vrfTables(n *link.Namespace, rules []netlink.Rule) ([]int, error) {
	if !slices.ContainsFunc(rules, func(r netlink.Rule) bool { return r.Table == unix.RT_TABLE_UNSPEC }) {
		return nil, nil
	}
	links, err := n.OfKind("vrf")
	if err != nil {
		return nil, err
	}
	var tables []int
	for _, l := range links {
		if vrf, ok := l.(*netlink.Vrf); ok {
			tables = append(tables, int(vrf.Table))
		}
	}
	return tables, nil
}

// isIP leaves out the families of multicast routing and MPLS.
func isIP(family int) bool { return family == netlink.FAMILY_V4 || family == netlink.FAMILY_V6 }

// normal leaves those flags out that only the kernel sets.
func normal(r netlink.Route) netlink.Route {
	r.Flags &= unix.RTNH_F_ONLINK
	for _, hop := range r.MultiPath {
		hop.Flags &= unix.RTNH_F_ONLINK
	}
	return r
}

// split returns the routes that a route of IPv6 consists of.
func split(r netlink.Route) []netlink.Route {
	if r.Family != netlink.FAMILY_V6 || len(r.MultiPath) == 0 {
		return []netlink.Route{r}
	}
	routes := make([]netlink.Route, len(r.MultiPath))
	for i, hop := range r.MultiPath {
		routes[i] = withHops(r, []*netlink.NexthopInfo{hop})
	}
	return routes
}

// MaxTable is the largest number of a table (RT_TABLE_MAX), or, on machines of 32
// bits, the largest that netlink's types hold.
const MaxTable = min(math.MaxUint32, math.MaxInt)

// FreeTable returns the first table, from a number on, that no route, rule or VRF
// uses. It stays free for whoever is in Within.
func (v View) FreeTable(from int) (int, error) {
	used := map[int]bool{
		unix.RT_TABLE_COMPAT: true, unix.RT_TABLE_DEFAULT: true, unix.RT_TABLE_MAIN: true, unix.RT_TABLE_LOCAL: true,
	}
	for _, r := range v.Rules {
		used[r.Table] = true
	}
	for _, table := range slices.Concat(v.Tables(), v.vrfs) {
		used[table] = true
	}
	for table := from; table <= MaxTable; table++ {
		if !used[table] {
			return table, nil
		}
	}
	return 0, errors.New("no routing table is free")
}

// Tables returns the numbers of the tables that have routes.
func (v View) Tables() []int {
	var tables []int
	for _, r := range v.Routes {
		tables = append(tables, r.Table)
	}
	slices.Sort(tables)
	return slices.Compact(tables)
}

// Share returns the interface's part of a table's routes, each with its hops
// through the interface alone, and the change that takes that part away. Routes
// that encapsulate packets, and those of other types than unicast, stay.
func (v View) Share(index, table int) ([]netlink.Route, Change) {
	var own []netlink.Route
	var change Change
	for _, r := range v.Routes {
		if r.Table != table || r.Type != unix.RTN_UNICAST || !isMovable(r) {
			continue
		}
		var mine, others []*netlink.NexthopInfo
		for _, hop := range Hops(r) {
			if hop.LinkIndex == index {
				mine = append(mine, hop)
			} else {
				others = append(others, hop)
			}
		}
		if len(mine) == 0 {
			continue
		}
		own = append(own, withHops(r, mine))
		change.Gone = append(change.Gone, Route(r))
		if len(others) > 0 {
			change.Routes = append(change.Routes, Route(withHops(r, others)))
		}
	}
	return own, change
}

// isMovable reports whether a record has all of a route.
func isMovable(r netlink.Route) bool {
	return r.Encap == nil && r.NewDst == nil && !slices.ContainsFunc(r.MultiPath, func(hop *netlink.NexthopInfo) bool {
		return hop.Encap != nil || hop.NewDst != nil || hop.Via != nil
	})
}

// Hops returns the next hops of a route, of which there is at least one.
func Hops(r netlink.Route) []*netlink.NexthopInfo {
	if len(r.MultiPath) > 0 {
		return r.MultiPath
	}
	return []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw, Via: r.Via, Flags: r.Flags}}
}

// withHops returns the route with other next hops. A single one is only in a list
// if it has a weight.
func withHops(r netlink.Route, hops []*netlink.NexthopInfo) netlink.Route {
	if len(hops) > 1 || hops[0].Hops > 0 {
		r.LinkIndex, r.Gw, r.Via, r.Flags, r.MultiPath = 0, nil, nil, 0, hops
		return r
	}
	hop := hops[0]
	r.LinkIndex, r.Gw, r.Via, r.Flags, r.MultiPath = hop.LinkIndex, hop.Gw, hop.Via, hop.Flags, nil
	return r
}
