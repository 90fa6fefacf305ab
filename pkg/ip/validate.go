//go:build linux

package ip

import (
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
)

// ValidateExpectedInterfaceIPs returns an error unless the interface has every
// address of resultIPs, with its prefix length, and the main table a route to
// each one's prefix. An address that is its whole prefix (/32, /128) has none
// in the main table.
func ValidateExpectedInterfaceIPs(ifName string, resultIPs []*current.IPConfig) error {
	if len(resultIPs) == 0 {
		return nil
	}
	l, err := netlinksafe.LinkByName(ifName)
	if err != nil {
		//lint:ignore ST1005 callers match upstream's text
		return fmt.Errorf("Cannot find container link %v", ifName)
	}
	addrs, err := netlinksafe.AddrList(l, netlink.FAMILY_ALL)
	if err != nil {
		//lint:ignore ST1005 callers match upstream's text
		return fmt.Errorf("Cannot obtain List of IP Addresses: %w", err)
	}
	present := map[string]bool{}
	for _, addr := range addrs {
		present[addr.IPNet.String()] = true
	}
	var tables routeTables
	for _, ip := range resultIPs {
		if !present[ip.Address.String()] {
			//lint:ignore ST1005 callers match upstream's text
			return fmt.Errorf("Failed to match addr %v on interface %v", ip, ifName)
		}
		prefix := Network(&ip.Address)
		if ones, bits := prefix.Mask.Size(); ones == bits {
			continue
		}
		found, err := tables.find(unix.RT_TABLE_MAIN, prefix, nil)
		if err != nil {
			//lint:ignore ST1005 callers match upstream's text
			return fmt.Errorf("Error %w trying to find Gateway %v for interface %v", err, ip.Gateway, ifName)
		}
		if !found {
			//lint:ignore ST1005 callers match upstream's text
			return fmt.Errorf("Failed to find Gateway %v for interface %v", ip.Gateway, ifName)
		}
	}
	return nil
}

// ValidateExpectedRoute returns an error unless every route is in its table, by
// default the main one, with the same destination and, if it names one and is
// not a default route, the same gateway.
func ValidateExpectedRoute(resultRoutes []*types.Route) error {
	var tables routeTables
	for _, route := range resultRoutes {
		table, gw := unix.RT_TABLE_MAIN, route.GW
		if route.Table != nil {
			table = *route.Table
		}
		if IsIPNetZero(&route.Dst) {
			gw = nil
		}
		// Anything else than an address with a mask of its own length.
		if Network(&route.Dst) == nil {
			//lint:ignore ST1005 callers match upstream's text
			return fmt.Errorf("Invalid static route found %v", route)
		}
		found, err := tables.find(table, &route.Dst, gw)
		if err != nil {
			//lint:ignore ST1005 callers match upstream's text
			return fmt.Errorf("Expected Route %v not route table lookup error %w", route, err)
		}
		if !found {
			//lint:ignore ST1005 callers match upstream's text
			return fmt.Errorf("Expected Route %v not found in routing table", route)
		}
	}
	return nil
}

// routeTables holds the routes of the kernel's tables by destination, each
// table and family read once, when it is first needed.
type routeTables map[routeTable]map[string][]netlink.Route

type routeTable struct{ family, table int }

// find reports whether the table has a route to dst, through gw unless that is
// nil.
func (t *routeTables) find(table int, dst *net.IPNet, gw net.IP) (bool, error) {
	key := routeTable{netlink.FAMILY_V4, table}
	if dst.IP.To4() == nil {
		key.family = netlink.FAMILY_V6
	}
	routes, read := (*t)[key]
	if !read {
		var err error
		if routes, err = key.read(); err != nil {
			return false, err
		}
		if *t == nil {
			*t = routeTables{}
		}
		(*t)[key] = routes
	}
	for _, route := range routes[destination(dst)] {
		if gw == nil || hasHop(route, gw) {
			return true, nil
		}
	}
	return false, nil
}

func (t routeTable) read() (map[string][]netlink.Route, error) {
	routes, err := netlinksafe.RouteListFiltered(t.family, &netlink.Route{Table: t.table}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, err
	}
	byDestination := make(map[string][]netlink.Route, len(routes))
	for _, route := range routes {
		key := destination(route.Dst)
		byDestination[key] = append(byDestination[key], route)
	}
	return byDestination, nil
}

// destination is equal for equal destinations of one family, among them all
// ways to name that of a default route.
func destination(dst *net.IPNet) string {
	if IsIPNetZero(dst) {
		return "default"
	}
	return dst.String()
}
