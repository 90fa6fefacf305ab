package dhcp6

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// Advertisement is what a router advertised and the kernel made of it. The
// kernel keeps all of it up to date by itself.
type Advertisement struct {
	// Router is the default router's link-local address, for Lifetime from now.
	Router   netip.Addr `json:"router"`
	Lifetime Seconds    `json:"lifetime"`
	// Addresses are those that the kernel made of the advertised prefixes, each
	// with the length of its prefix, after duplicate address detection.
	Addresses []AutoAddress `json:"addresses,omitempty"`
	// Managed says that DHCPv6 has addresses, Other that it has other
	// information (see Client.Inquire).
	Managed bool `json:"managed"`
	Other   bool `json:"other"`
	// DNS and Search are name servers and search domains (RFC 8106).
	DNS    []netip.Addr `json:"dns,omitempty"`
	Search []string     `json:"search,omitempty"`
}

// AutoAddress is an address from stateless autoconfiguration (SLAAC).
type AutoAddress struct {
	Prefix    netip.Prefix `json:"prefix"`
	Preferred Seconds      `json:"preferred"`
	Valid     Seconds      `json:"valid"`
}

// ErrNoRouter is wrapped by errors that say that no router advertised in time
// what was waited for.
var ErrNoRouter = errors.New("no router advertisement")

// solicitRouterTimes are those of RFC 7559 with a shorter beginning: a router
// answers within half a second.
var solicitRouterTimes = schedule{initial: time.Second, longest: time.Hour}

// Wanted is what the kernel is to make of router advertisements.
type Wanted struct {
	// Address: an advertisement that has no prefix to make an address of is not enough.
	Address bool
	// NoDefaultRoute: the kernel makes no default route.
	NoDefaultRoute bool
	// Metric of the default route, since Linux 5.11. Default: 1024.
	Metric int
}

// AwaitAdvertisement makes the link accept router advertisements (accept_ra, also
// if the container forwards packets), asks for one, and waits until the kernel
// has what is wanted of it: the default route and the addresses of all its prefixes.
// Give ctx a deadline; ignored may be nil.
func AwaitAdvertisement(ctx context.Context, n *link.Namespace, l netlink.Link, wanted Wanted, ignored *Ignored) (*Advertisement, error) {
	if ignored == nil {
		ignored = new(Ignored)
	}
	if err := n.Do(func() error { return wanted.accept(l.Attrs().Name) }); err != nil {
		return nil, err
	}
	if _, err := awaitLinkLocal(ctx, n, l); err != nil {
		return nil, err
	}
	s, err := listenRouters(n, l)
	if err != nil {
		return nil, fmt.Errorf("listen for router advertisements on %q: %w", l.Attrs().Name, err)
	}
	defer s.file.Close()
	w := &routerWait{socket: s, namespace: n, link: l, name: l.Attrs().Name, address: wanted.Address, ignored: ignored}
	a, err := w.solicit(ctx)
	if err != nil {
		return nil, err
	}
	return a.await(ctx, n, l, wanted)
}

// accept works inside the container's namespace.
func (w Wanted) accept(name string) error {
	directory := "net/ipv6/conf/" + name + "/"
	type setting struct{ key, value string }
	settings := []setting{
		{"accept_ra", "2"},
		{"accept_ra_defrtr", "1"},
		{"accept_ra_pinfo", "1"},
		{"autoconf", "1"},
	}
	if w.NoDefaultRoute {
		settings[1].value = "0"
	} else if w.Metric > 0 {
		settings = append(settings, setting{"ra_defrtr_metric", strconv.Itoa(w.Metric)})
	}
	for _, s := range settings {
		if err := sysctl.Ensure(directory+s.key, s.value); err != nil {
			return fmt.Errorf("let %q accept router advertisements: %w", name, err)
		}
	}
	return nil
}

// listenRouters opens a socket that hears router advertisements as the kernel
// does, so that it hears also what the kernel has no use for.
func listenRouters(n *link.Namespace, l netlink.Link) (*socket, error) {
	var all unix.ICMPv6Filter // of types to keep away
	for i := range all.Data {
		all.Data[i] = ^uint32(0)
	}
	all.Data[routerAdvertisement/32] &^= 1 << (routerAdvertisement % 32)
	return listen(n, unix.SOCK_RAW, unix.IPPROTO_ICMPV6, func(fd int) error {
		group := &unix.IPv6Mreq{Multiaddr: nodes.As16(), Interface: uint32(l.Attrs().Index)}
		return os.NewSyscallError("setsockopt", errors.Join(
			unix.SetsockoptICMPv6Filter(fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &all),
			unix.BindToDevice(fd, l.Attrs().Name),
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255),
			unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, group),
		))
	})
}

// A routerWait is the wait for an advertisement.
type routerWait struct {
	*socket
	namespace *link.Namespace
	link      netlink.Link
	name      string
	address   bool
	ignored   *Ignored
	// heard is the last advertisement that does not do.
	heard *advertised
}

// solicit asks until a router answers what will do.
func (w *routerWait) solicit(ctx context.Context) (*advertised, error) {
	stop := w.interrupt(ctx)
	defer stop()
	start := time.Now()
	message := solicitation(w.link.Attrs().HardwareAddr)
	for wait := time.Duration(0); ; {
		if err := w.send(message, routers, 0); err != nil && isGone(w.namespace, w.link) {
			return nil, fmt.Errorf("solicit routers on %q, which is gone: %w", w.name, err)
		}
		wait = solicitRouterTimes.next(wait)
		a, err := w.hear(ctx, time.Now().Add(wait))
		switch {
		case err == nil:
			return a, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, context.DeadlineExceeded):
			return nil, w.noRouter(time.Since(start))
		default:
			return nil, fmt.Errorf("wait for a router advertisement on %q: %w", w.name, err)
		}
	}
}

// hear returns the next advertisement that will do.
func (w *routerWait) hear(ctx context.Context, deadline time.Time) (*advertised, error) {
	for {
		p, err := w.receive(ctx, deadline)
		if errors.Is(err, unix.ENETDOWN) { // the link went down
			continue
		}
		if err != nil {
			return nil, err
		}
		a, err := parseAdvertisement(p.data, p.from, p.hopLimit)
		switch {
		case err != nil || p.cut:
			w.ignored.Advertisement.Add(1)
		case a.lifetime == 0 || w.address && len(a.autonomous) == 0:
			w.heard = a
		default:
			return a, nil
		}
	}
}

func (w *routerWait) noRouter(waited time.Duration) error {
	waited = waited.Round(100 * time.Millisecond)
	switch {
	case w.heard == nil:
		return fmt.Errorf("%w on %q in %v", ErrNoRouter, w.name, waited)
	case w.heard.lifetime == 0:
		return fmt.Errorf("%w of a default router on %q in %v, only of %v, which is none", ErrNoRouter, w.name, waited, w.heard.router)
	default:
		return fmt.Errorf("%w with a prefix for addresses on %q in %v, only of %v without", ErrNoRouter, w.name, waited, w.heard.router)
	}
}

// await waits until the kernel has made of the advertisement what is wanted.
func (a *advertised) await(ctx context.Context, n *link.Namespace, l netlink.Link, wanted Wanted) (*Advertisement, error) {
	var addresses []AutoAddress
	look := func() (bool, error) {
		var err error
		if addresses, err = a.addresses(n, l); err != nil || len(addresses) < len(a.autonomous) {
			return false, err
		}
		return a.hasRoute(n, l, wanted)
	}
	done, err := n.Await(ctx, noLimit, look, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE)
	switch {
	case err != nil:
		return nil, fmt.Errorf("wait for what router %v advertised on %q: %w", a.router, l.Attrs().Name, err)
	case !done:
		return nil, fmt.Errorf("router %v advertised %v on %q, of which the kernel made %d addresses: %w",
			a.router, a.autonomous, l.Attrs().Name, len(addresses), context.DeadlineExceeded)
	}
	return &Advertisement{
		Router: a.router, Lifetime: a.lifetime, Addresses: addresses,
		Managed: a.managed, Other: a.other, DNS: a.dns, Search: a.search,
	}, nil
}

// addresses returns the addresses that are ready, at most one per prefix. Those
// for privacy come and go, and are nothing to report.
func (a *advertised) addresses(n *link.Namespace, l netlink.Link) ([]AutoAddress, error) {
	present, err := n.AddrList(l, netlink.FAMILY_V6)
	if err != nil {
		return nil, fmt.Errorf("list addresses of %q: %w", l.Attrs().Name, err)
	}
	var addresses []AutoAddress
	for _, prefix := range a.autonomous {
		i := slices.IndexFunc(present, func(p netlink.Addr) bool { return isAutonomous(p, prefix) })
		if i < 0 {
			continue
		}
		if present[i].Flags&unix.IFA_F_DADFAILED != 0 {
			return nil, fmt.Errorf("address %v of %q is in use by somebody else", present[i].IP, l.Attrs().Name)
		}
		if isReady(present[i]) {
			address, _ := netip.AddrFromSlice(present[i].IP)
			addresses = append(addresses, AutoAddress{
				Prefix:    netip.PrefixFrom(address, prefix.Bits()),
				Preferred: Seconds(present[i].PreferedLft),
				Valid:     Seconds(present[i].ValidLft),
			})
		}
	}
	return addresses, nil
}

// isAutonomous reports whether the kernel made the address of the prefix.
func isAutonomous(present netlink.Addr, prefix netip.Prefix) bool {
	address, _ := netip.AddrFromSlice(present.IP)
	ones, _ := present.Mask.Size()
	return ones == prefix.Bits() && prefix.Contains(address) && present.Flags&(unix.IFA_F_PERMANENT|unix.IFA_F_TEMPORARY) == 0
}

// hasRoute reports whether there is the default route through the router that is wanted.
func (a *advertised) hasRoute(n *link.Namespace, l netlink.Link, wanted Wanted) (bool, error) {
	if wanted.NoDefaultRoute {
		return true, nil
	}
	filter := &netlink.Route{LinkIndex: l.Attrs().Index, Gw: a.router.AsSlice()}
	routes, err := n.RouteListFiltered(netlink.FAMILY_V6, filter, netlink.RT_FILTER_OIF|netlink.RT_FILTER_GW)
	if err != nil {
		return false, fmt.Errorf("list routes of %q: %w", l.Attrs().Name, err)
	}
	return slices.ContainsFunc(routes, func(r netlink.Route) bool {
		return ip.IsIPNetZero(r.Dst) && (wanted.Metric == 0 || r.Priority == wanted.Metric)
	}), nil
}
