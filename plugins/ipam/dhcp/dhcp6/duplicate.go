package dhcp6

import (
	"context"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// detect returns the addresses of a lease that somebody on the link answers for.
// The interface does not have them yet, so the kernel is made to look for a
// neighbour with each.
func (c Client) detect(ctx context.Context, n *link.Namespace, l netlink.Link, lease *Lease) (taken []Address, err error) {
	if c.Detect == 0 {
		return nil, nil
	}
	defer forget(n, l, lease.Addresses)
	forget(n, l, lease.Addresses)
	for _, a := range lease.Addresses {
		neighbour := neighbour(l, a)
		neighbour.Flags = netlink.NTF_USE
		if err := n.NeighSet(neighbour); err != nil {
			return nil, fmt.Errorf("look who has %v on %q: %w", a.IP, l.Attrs().Name, err)
		}
	}
	look := func() (done bool, err error) {
		taken, err = present(n, l, lease.Addresses)
		return len(taken) > 0, err
	}
	if _, err := n.Await(ctx, c.Detect, look, unix.RTNLGRP_NEIGH); err != nil {
		return nil, fmt.Errorf("look for others with the addresses of %q: %w", l.Attrs().Name, err)
	}
	// Await takes the end of ctx for that of its own time.
	return taken, ctx.Err()
}

// answered are the states of a neighbour that has answered.
const answered = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE

func present(n *link.Namespace, l netlink.Link, addresses []Address) ([]Address, error) {
	neighbours, err := n.NeighList(l.Attrs().Index, netlink.FAMILY_V6)
	if err != nil {
		return nil, fmt.Errorf("list neighbours of %q: %w", l.Attrs().Name, err)
	}
	var present []Address
	for _, a := range addresses {
		if slices.ContainsFunc(neighbours, func(neighbour netlink.Neigh) bool {
			return neighbour.State&answered != 0 && neighbour.IP.Equal(a.IP.AsSlice())
		}) {
			present = append(present, a)
		}
	}
	return present, nil
}

// forget removes what the kernel knows of who has the addresses, if anything.
func forget(n *link.Namespace, l netlink.Link, addresses []Address) {
	for _, a := range addresses {
		_ = n.NeighDel(neighbour(l, a))
	}
}

func neighbour(l netlink.Link, a Address) *netlink.Neigh {
	return &netlink.Neigh{LinkIndex: l.Attrs().Index, Family: netlink.FAMILY_V6, IP: a.IP.AsSlice()}
}
