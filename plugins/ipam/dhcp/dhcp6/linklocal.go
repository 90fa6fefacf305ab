package dhcp6

import (
	"context"
	"fmt"
	"math"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
)

// noLimit leaves the end of a wait to its context.
const noLimit = math.MaxInt64

// awaitLinkLocal waits until the link has a link-local address that it may send
// from, after duplicate address detection. That takes the kernel 1 to 2 s from
// when the link comes up, or nothing where detection is off.
func awaitLinkLocal(ctx context.Context, n *link.Namespace, l netlink.Link) (netip.Addr, error) {
	name := l.Attrs().Name
	if err := n.Do(func() error { return ip.EnableIPv6(name) }); err != nil {
		return netip.Addr{}, err
	}
	var found netip.Addr
	look := func() (done bool, err error) {
		found, err = linkLocal(n, l)
		return found.IsValid(), err
	}
	done, err := n.Await(ctx, noLimit, look, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_LINK)
	switch {
	case err != nil:
		return netip.Addr{}, fmt.Errorf("wait for a link-local address of %q: %w", name, err)
	case !done:
		return netip.Addr{}, fmt.Errorf("%q has no link-local address to send from%s: %w", name, whyNone(n, l), context.DeadlineExceeded)
	}
	return found, nil
}

// linkLocal returns the address if the link has one that is ready.
func linkLocal(n *link.Namespace, l netlink.Link) (netip.Addr, error) {
	addrs, err := n.AddrList(l, netlink.FAMILY_V6)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list addresses of %q: %w", l.Attrs().Name, err)
	}
	for _, a := range addrs {
		address, _ := netip.AddrFromSlice(a.IP)
		if !address.IsLinkLocalUnicast() {
			continue
		}
		if a.Flags&unix.IFA_F_DADFAILED != 0 {
			return netip.Addr{}, fmt.Errorf("link-local address %v is in use by somebody else", address)
		}
		if isReady(a) {
			return address, nil
		}
	}
	return netip.Addr{}, nil
}

// isReady reports whether duplicate address detection is over, or does not keep
// the address from being used meanwhile (RFC 4429).
func isReady(a netlink.Addr) bool {
	return a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_OPTIMISTIC) != unix.IFA_F_TENTATIVE
}

// whyNone is the likely reason, for an error.
func whyNone(n *link.Namespace, l netlink.Link) string {
	now, err := n.LinkByIndex(l.Attrs().Index)
	switch {
	case err != nil:
		return " (the link is gone)"
	case now.Attrs().RawFlags&unix.IFF_UP == 0:
		return " (the link is down)"
	case now.Attrs().RawFlags&unix.IFF_LOWER_UP == 0:
		return " (the link has no carrier)"
	}
	return ""
}

// isGone reports whether there is no such link any more. One that is down may
// come up again.
func isGone(n *link.Namespace, l netlink.Link) bool {
	_, err := n.LinkByIndex(l.Attrs().Index)
	return link.IsNotFound(err)
}
