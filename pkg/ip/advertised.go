//go:build linux

package ip

import (
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// hasAdvertised reports whether the kernel made the address itself, of a router
// advertisement: an IPAM plugin may report those. They stay the kernel's, which
// knows for how long they are good.
func hasAdvertised(n *link.Namespace, l netlink.Link, addr *netlink.Addr) bool {
	if addr.IP.To4() != nil {
		return false
	}
	present, err := n.AddrList(l, netlink.FAMILY_V6)
	return err == nil && slices.ContainsFunc(present, func(p netlink.Addr) bool {
		return SameNet(p.IPNet, addr.IPNet) && p.Flags&unix.IFA_F_PERMANENT == 0
	})
}

// hasAdvertisedRoute reports the same of a route.
func hasAdvertisedRoute(n *link.Namespace, l netlink.Link, route *netlink.Route) bool {
	if route.Gw == nil || route.Gw.To4() != nil {
		return false
	}
	filter := &netlink.Route{LinkIndex: l.Attrs().Index, Gw: route.Gw, Protocol: unix.RTPROT_RA}
	present, err := n.RouteListFiltered(netlink.FAMILY_V6, filter, netlink.RT_FILTER_OIF|netlink.RT_FILTER_GW|netlink.RT_FILTER_PROTOCOL)
	return err == nil && slices.ContainsFunc(present, func(p netlink.Route) bool {
		return SameNet(p.Dst, route.Dst) && TableOf(p) == TableOf(*route)
	})
}
