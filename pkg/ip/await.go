//go:build linux

package ip

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// localTime bounds the wait for an address to work, which takes the kernel less
// than a millisecond without duplicate address detection.
const localTime = 2 * time.Second

// AwaitUse waits until the interface, with c applied and its other end up,
// sends packets and takes those to its IPv6 addresses for its own. The kernel
// adds an address at once, but its local route in a work queue
// (addrconf_dad_work), also if there is no duplicate address detection to do
// (IFA_F_NODAD), and only when the interface has a carrier. There is no error
// if an interface does not get so far in 2 s: it may lack that.
func (c Config) AwaitUse(ctx context.Context, n *link.Namespace, l netlink.Link) error {
	if err := n.AwaitUp(ctx, l); err != nil {
		return err
	}
	return c.AwaitLocal(ctx, n, l)
}

// AwaitLocal is AwaitUse for an interface that sends packets.
func (c Config) AwaitLocal(ctx context.Context, n *link.Namespace, l netlink.Link) error {
	for _, address := range c.ipv6() {
		look := func() (bool, error) { return isLocal(n, l, address), nil }
		if _, err := n.Await(ctx, localTime, look, unix.RTNLGRP_IPV6_ROUTE); err != nil {
			return fmt.Errorf("wait for address %v: %w", address, err)
		}
	}
	return nil
}

// Arrival sees the addresses of an interface arrive that its kernel has yet to take for its
// own.
type Arrival struct {
	config Config
	at     *link.Namespace
	link   netlink.Link
	watch  *link.Watch
}

// Watch begins before c is applied, and so has no question to the kernel afterwards.
func (c Config) Watch(n *link.Namespace, l netlink.Link) (*Arrival, error) {
	a := &Arrival{config: c, at: n, link: l}
	var err error
	if c.HasIPv6() {
		a.watch, err = n.WatchLocal(l)
	}
	return a, err
}

// Close ends the watch.
func (a *Arrival) Close() {
	if a.watch != nil {
		a.watch.Close()
	}
}

// Await is AwaitUse for an interface that sends packets.
func (a *Arrival) Await(ctx context.Context) error {
	if a.watch == nil {
		return nil
	}
	if seen, err := a.watch.AwaitLocal(ctx, localTime, a.config.ipv6()); seen || err != nil {
		return err
	}
	return a.config.AwaitLocal(ctx, a.at, a.link)
}

// ipv6 returns the addresses of that family.
func (c Config) ipv6() []net.IP {
	var addresses []net.IP
	for _, addr := range c.Addrs {
		if addr.IP.To4() == nil {
			addresses = append(addresses, addr.IP)
		}
	}
	return addresses
}

// isLocal asks the kernel what it would do with a packet to the address. That it
// finds no route at all is an answer as well. It needs the interface to look in
// the table of a VRF, and for an address that is local to a link.
func isLocal(n *link.Namespace, l netlink.Link, address net.IP) bool {
	routes, err := n.RouteGetWithOptions(address, &netlink.RouteGetOptions{FIBMatch: true, OifIndex: l.Attrs().Index})
	return err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL
}
