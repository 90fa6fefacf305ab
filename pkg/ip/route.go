//go:build linux

package ip

import (
	"net"

	"github.com/vishvananda/netlink"
)

// AddRoute adds a route to ipn through the gateway gw, or directly through dev
// if gw is nil, to the main table. That it is there already is an error,
// unix.EEXIST.
func AddRoute(ipn *net.IPNet, gw net.IP, dev netlink.Link) error {
	return addScoped(netlink.SCOPE_UNIVERSE, ipn, gw, dev)
}

// AddHostRoute is [AddRoute] for a destination within this host (scope host).
func AddHostRoute(ipn *net.IPNet, gw net.IP, dev netlink.Link) error {
	return addScoped(netlink.SCOPE_HOST, ipn, gw, dev)
}

// AddDefaultRoute is [AddRoute] for all destinations of gw's family.
func AddDefaultRoute(gw net.IP, dev netlink.Link) error {
	return AddRoute(Everywhere(gw), gw, dev)
}

func addScoped(scope netlink.Scope, ipn *net.IPNet, gw net.IP, dev netlink.Link) error {
	return netlink.RouteAdd(&netlink.Route{
		LinkIndex: dev.Attrs().Index,
		Scope:     scope,
		Dst:       ipn,
		Gw:        gw,
	})
}
