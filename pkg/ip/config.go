//go:build linux

package ip

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// Config is what one interface has of addresses and routes: ADD applies it,
// CHECK compares it with what the kernel has.
type Config struct {
	// Addrs need IPNet; Flags, Scope and Broadcast as the kernel takes them.
	Addrs []netlink.Addr
	// Routes leave the interface (LinkIndex) open. Table 0 is the main table.
	Routes []netlink.Route
}

// HasIPv6 reports whether any address is an IPv6 one.
func (c Config) HasIPv6() bool {
	return slices.ContainsFunc(c.Addrs, func(a netlink.Addr) bool { return a.IP.To4() == nil })
}

// With returns what c and another one have.
func (c Config) With(other Config) Config {
	return Config{slices.Concat(c.Addrs, other.Addrs), slices.Concat(c.Routes, other.Routes)}
}

// Apply gives the interface its addresses, sets it up unless it is, and adds its routes.
// Addresses come first: an interface announces those it has when it goes up
// (arp_notify, ndisc_notify). What the kernel has already from router
// advertisements stays as it is.
func (c Config) Apply(n *link.Namespace, l netlink.Link) error {
	return c.apply(n, l, func(step func() error) error { return step() })
}

// ApplyOn is Apply for an interface on another one, of the namespace at, which has
// addresses and hardware addresses for itself among those on that: see
// link.Namespace.WhenFree.
func (c Config) ApplyOn(ctx context.Context, at, n *link.Namespace, l netlink.Link) error {
	return c.apply(n, l, func(step func() error) error { return at.WhenFree(ctx, step) })
}

func (c Config) apply(n *link.Namespace, l netlink.Link, take func(step func() error) error) error {
	name := l.Attrs().Name
	if c.HasIPv6() {
		if err := n.Do(func() error { return EnableIPv6(name) }); err != nil {
			return err
		}
	}
	for _, addr := range c.Addrs {
		if err := take(func() error { return addAddr(n, l, addr) }); err != nil {
			return fmt.Errorf("add address %v to %q: %w", addr.IPNet, name, err)
		}
	}
	if l.Attrs().Flags&net.FlagUp == 0 {
		if err := take(func() error { return n.LinkSetUp(l) }); err != nil {
			return fmt.Errorf("set %q up: %w", name, err)
		}
	}
	for _, route := range c.Routes {
		if err := addBeside(n, l, route); err != nil {
			return fmt.Errorf("add route %s dev %s: %w", RouteText(route), name, err)
		}
	}
	return nil
}

func addAddr(n *link.Namespace, l netlink.Link, addr netlink.Addr) error {
	err := n.AddrAdd(l, &addr)
	if errors.Is(err, unix.EEXIST) && hasAdvertised(n, l, &addr) {
		return nil
	}
	return err
}

// addBeside adds a route through l beside those that the container's other networks
// have to its destination: of IPv4's the kernel takes the newest, and it spreads
// packets over IPv6's that have a gateway. Only if there are any does it do without
// NLM_F_EXCL: otherwise the kernel would make one that was advertised to it last for
// ever.
func addBeside(n *link.Namespace, l netlink.Link, route netlink.Route) error {
	err := n.RouteAdd(on(l, route))
	switch {
	case !errors.Is(err, unix.EEXIST):
		return err
	case hasAdvertisedRoute(n, l, &route):
		return nil
	}
	return n.RouteAddEcmp(on(l, route))
}

// on returns the route through l.
func on(l netlink.Link, route netlink.Route) *netlink.Route {
	if len(route.MultiPath) == 0 {
		route.LinkIndex = l.Attrs().Index
		return &route
	}
	hops := make([]*netlink.NexthopInfo, len(route.MultiPath))
	for i, hop := range route.MultiPath {
		copied := *hop
		copied.LinkIndex = l.Attrs().Index
		hops[i] = &copied
	}
	route.MultiPath = hops
	return &route
}

// EnableIPv6 makes the kernel accept IPv6 addresses on the interface, and, if it can,
// keep them while it is down. A kernel without IPv6 has no such sysctls; what it
// says to the address is the better error.
func EnableIPv6(name string) error {
	for _, device := range []string{"lo", name} {
		if err := sysctl.Ensure(conf6(device, "disable_ipv6"), "0"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("enable IPv6 on %q: %w", device, err)
		}
	}
	sysctl.Prefer(conf6(name, "keep_addr_on_down"), "1")
	return nil
}

// RouteText names a route in the words of `ip route`.
func RouteText(r netlink.Route) string {
	text := "default"
	if !IsIPNetZero(r.Dst) {
		text = r.Dst.String()
	}
	if r.Gw != nil {
		text += " via " + r.Gw.String()
	}
	for _, hop := range r.MultiPath {
		text += " nexthop via " + hop.Gw.String()
	}
	if r.Table != 0 {
		text += fmt.Sprintf(" table %d", r.Table)
	}
	if r.Priority != 0 {
		text += fmt.Sprintf(" metric %d", r.Priority)
	}
	return text
}

// HostNet returns the network that consists of one address: /32 or /128.
func HostNet(ip net.IP) *net.IPNet {
	if v4 := ip.To4(); v4 != nil {
		return &net.IPNet{IP: v4, Mask: net.CIDRMask(32, 32)}
	}
	return &net.IPNet{IP: ip.To16(), Mask: net.CIDRMask(128, 128)}
}
