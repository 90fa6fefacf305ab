//go:build linux

package ip

import (
	"bytes"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// HasGateway reports whether an address has a gateway. One of the other family is none: some
// IPAM plugins (whereabouts) know a single one, and give it with addresses of both.
func HasGateway(address *current.IPConfig) bool {
	return address.Gateway != nil && (address.Gateway.To4() == nil) == (address.Address.IP.To4() == nil)
}

// FirstGateways returns the first IPv4 and the first IPv6 gateway of a result's
// addresses, nil where there is none: next hops for routes that name none (CNI
// specification, section 5, "Success", routes.gw).
func FirstGateways(ips []*current.IPConfig) (v4, v6 net.IP) {
	for _, ip := range ips {
		switch {
		case ip.Gateway == nil:
		case ip.Gateway.To4() != nil && v4 == nil:
			v4 = ip.Gateway
		case ip.Gateway.To4() == nil && v6 == nil:
			v6 = ip.Gateway
		}
	}
	return v4, v6
}

// Routes turns a result's routes into the kernel's. A route without gateway
// goes through the given one of its family or, if that is nil or the route has
// scope link or host, directly to the link. Routes to one destination that differ
// in nothing but the gateway become one with several next hops; repeated ones are
// taken once.
func Routes(routes []*types.Route, gateway4, gateway6 net.IP) []netlink.Route {
	var out []netlink.Route
	for _, r := range routes {
		gw := r.GW
		switch {
		case gw.IsUnspecified():
			gw = nil
		case gw != nil || !needsGateway(r):
		case r.Dst.IP.To4() != nil:
			gw = gateway4
		default:
			gw = gateway6
		}
		out = addRoute(out, r, gw)
	}
	return out
}

// needsGateway reports whether a route leads further than the link.
func needsGateway(r *types.Route) bool {
	return r.Scope == nil || netlink.Scope(*r.Scope) == netlink.SCOPE_UNIVERSE || netlink.Scope(*r.Scope) == netlink.SCOPE_SITE
}

func addRoute(routes []netlink.Route, r *types.Route, gw net.IP) []netlink.Route {
	route := netlink.Route{
		Dst: &net.IPNet{IP: r.Dst.IP, Mask: r.Dst.Mask}, Gw: gw,
		MTU: r.MTU, AdvMSS: r.AdvMSS, Priority: r.Priority,
	}
	if r.Table != nil {
		route.Table = *r.Table
	}
	if r.Scope != nil {
		route.Scope = netlink.Scope(*r.Scope)
	}
	for i := range routes {
		if !SameDestination(routes[i], route) {
			continue
		}
		if gw == nil || hasHop(routes[i], gw) {
			return routes
		}
		routes[i] = withHop(routes[i], gw)
		return routes
	}
	return append(routes, route)
}

// SameDestination compares what the kernel tells routes apart by.
func SameDestination(a, b netlink.Route) bool {
	return a.Dst.String() == b.Dst.String() && TableOf(a) == TableOf(b) && a.Priority == b.Priority
}

// GatewaysThrough returns the next hops of a route through an interface, as a route that
// somebody extended still serves it; nil is among them for the link itself.
func GatewaysThrough(r netlink.Route, index int) []net.IP {
	if len(r.MultiPath) == 0 && (r.LinkIndex == 0 || r.LinkIndex == index) {
		return []net.IP{r.Gw}
	}
	var all []net.IP
	for _, hop := range r.MultiPath {
		if hop.LinkIndex == 0 || hop.LinkIndex == index {
			all = append(all, hop.Gw)
		}
	}
	return all
}

// FamilyOf returns the family of a route's destination.
func FamilyOf(r netlink.Route) int {
	if r.Dst.IP.To4() != nil {
		return netlink.FAMILY_V4
	}
	return netlink.FAMILY_V6
}

// TableOf returns the number of a route's table, where 0 stands for main.
func TableOf(r netlink.Route) int {
	if IsMainTable(r.Table) {
		return unix.RT_TABLE_MAIN
	}
	return r.Table
}

// IsMainTable reports whether a route with this number of its table is in main.
func IsMainTable(table int) bool {
	return table == unix.RT_TABLE_UNSPEC || table == unix.RT_TABLE_MAIN
}

func hasHop(r netlink.Route, gw net.IP) bool {
	if r.Gw.Equal(gw) {
		return true
	}
	for _, hop := range r.MultiPath {
		if hop.Gw.Equal(gw) {
			return true
		}
	}
	return false
}

// withHop adds a next hop; a route has either a gateway or several next hops.
func withHop(r netlink.Route, gw net.IP) netlink.Route {
	if r.Gw != nil {
		r.MultiPath = []*netlink.NexthopInfo{{Gw: r.Gw}}
		r.Gw = nil
	}
	r.MultiPath = append(r.MultiPath, &netlink.NexthopInfo{Gw: gw})
	return r
}

// OnLink marks the next hops of a route that are not reachable as on the link:
// the kernel refuses those to which it has no route. IPv6 has one to link-local
// addresses on each interface; those of IPv4 (169.254.0.0/16) are like all others.
func OnLink(r netlink.Route, reachable func(net.IP) bool) netlink.Route {
	isOff := func(hop net.IP) bool { return (hop.To4() != nil || !hop.IsLinkLocalUnicast()) && !reachable(hop) }
	if r.Gw != nil && isOff(r.Gw) {
		r.Flags |= unix.RTNH_F_ONLINK
	}
	for _, hop := range r.MultiPath {
		if isOff(hop.Gw) {
			hop.Flags |= unix.RTNH_F_ONLINK
		}
	}
	return r
}

// NoDetection returns the flag that leaves duplicate address detection out for an
// address that is known to be unique. IPv4 has no such thing.
func NoDetection(address net.IP) int {
	if address.To4() != nil {
		return 0
	}
	return unix.IFA_F_NODAD
}

// Everywhere returns the destination of a default route through a gateway.
func Everywhere(gateway net.IP) *net.IPNet {
	if gateway.To4() != nil {
		return &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	}
	return &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
}

// SameNet reports whether two networks are equal; nil stands for the default
// route of either family.
func SameNet(a, b *net.IPNet) bool {
	if IsIPNetZero(a) || IsIPNetZero(b) {
		return IsIPNetZero(a) && IsIPNetZero(b)
	}
	return a.IP.Equal(b.IP) && bytes.Equal(a.Mask, b.Mask)
}
