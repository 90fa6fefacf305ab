//go:build linux

package ip

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// Claim is Apply for an interface of the host to which the destinations of the routes,
// the addresses of a container, belong alone. What a container that is dead has of them
// is removed first; that one that lives has any is an error, unix.EEXIST.
func (c Config) Claim(ctx context.Context, n *link.Namespace, l netlink.Link) error {
	if err := (Config{Addrs: c.Addrs}).Apply(n, l); err != nil {
		return err
	}
	for _, route := range c.Routes {
		err := n.RouteAdd(on(l, route))
		if errors.Is(err, unix.EEXIST) {
			err = takeOver(ctx, n, l, route)
		}
		if err != nil {
			return fmt.Errorf("add route %s dev %s: %w", RouteText(route), l.Attrs().Name, err)
		}
	}
	return nil
}

// takeOver adds a route in place of one through the interface of a dead container.
func takeOver(ctx context.Context, n *link.Namespace, l netlink.Link, route netlink.Route) error {
	holder, err := holderOf(n, route)
	if err != nil {
		return fmt.Errorf("look for who has it: %w", err)
	}
	if holder != nil {
		gone, err := n.DeleteOrphan(ctx, holder)
		if err != nil {
			return err
		}
		if !gone {
			return fmt.Errorf("%s has it: %w", holder.Attrs().Name, unix.EEXIST)
		}
	}
	return n.RouteAdd(on(l, route))
}

// holderOf returns the interface that the kernel sends packets to the route's
// destination through, or nil if that is gone.
func holderOf(n *link.Namespace, route netlink.Route) (netlink.Link, error) {
	found, err := n.RouteGetWithOptions(route.Dst.IP, &netlink.RouteGetOptions{FIBMatch: true})
	if errors.Is(err, unix.ENETUNREACH) || err == nil && !SameNet(found[0].Dst, route.Dst) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	holder, err := n.LinkByIndex(found[0].LinkIndex)
	if link.IsNotFound(err) {
		return nil, nil
	}
	return holder, err
}
