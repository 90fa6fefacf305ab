//go:build linux

package ip

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// Change gives an interface that is up and has c what next has instead. What both
// have stays, and comes back if it is missing. It goes on after an error.
func (c Config) Change(n *link.Namespace, l netlink.Link, next Config) error {
	var errs []error
	for _, route := range c.Routes {
		if !slices.ContainsFunc(next.Routes, func(r netlink.Route) bool { return reflect.DeepEqual(r, route) }) {
			errs = append(errs, removeRoute(n, l, route))
		}
	}
	for _, addr := range c.Addrs {
		if !slices.ContainsFunc(next.Addrs, func(a netlink.Addr) bool { return SameNet(a.IPNet, addr.IPNet) }) {
			errs = append(errs, removeAddr(n, l, addr))
		}
	}
	for _, addr := range next.Addrs {
		if err := n.AddrAdd(l, &addr); err != nil && !errors.Is(err, unix.EEXIST) {
			errs = append(errs, fmt.Errorf("add address %v to %q: %w", addr.IPNet, l.Attrs().Name, err))
		}
	}
	for _, route := range next.Routes {
		if err := addBeside(n, l, route); err != nil && !errors.Is(err, unix.EEXIST) {
			errs = append(errs, fmt.Errorf("add route %s dev %s: %w", RouteText(route), l.Attrs().Name, err))
		}
	}
	return errors.Join(errs...)
}

func removeRoute(n *link.Namespace, l netlink.Link, route netlink.Route) error {
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
