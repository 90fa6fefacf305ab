package link

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Await waits until look returns true, for at most the given time, and reports
// whether it did. It looks at once, and again whenever the kernel notifies one
// of the rtnetlink groups (unix.RTNLGRP_…). The end of ctx is an error.
func (n *Namespace) Await(ctx context.Context, timeout time.Duration, look func() (bool, error), groups ...uint) (bool, error) {
	if done, err := look(); done || err != nil {
		return done, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	w, err := n.Watch(groups...)
	if err != nil {
		return false, err
	}
	defer w.Close()
	// A change between the first look and the subscription sends nothing.
	for {
		if done, err := look(); done || err != nil {
			return done, err
		}
		if _, err := w.next(ctx); errors.Is(err, context.DeadlineExceeded) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
}

// upTime bounds the wait for an interface whose other end is up: the kernel
// takes milliseconds, or 1 s when it thinks that links change too fast, and longer when
// they go on to do so (net/core/link_watch.c).
const upTime = 5 * time.Second

// AwaitUp waits until the kernel sends packets through the link: until then it
// drops them, although both ends are set up. Since 6.8 the kernel does this by
// itself when it is asked for the link. There is no error if it does not become
// operational in time: it may lack a carrier.
func (n *Namespace) AwaitUp(ctx context.Context, l netlink.Link) error {
	_, err := n.AwaitOperState(ctx, l)
	return err
}

// AwaitUpIfCarried is AwaitUp for a link, which is up, that may have no carrier. It reports
// whether there is one; otherwise it does not wait.
func (n *Namespace) AwaitUpIfCarried(ctx context.Context, l netlink.Link) (carried bool, err error) {
	_, err = n.awaitOperState(ctx, l, func(now netlink.Link) bool {
		carried = now.Attrs().RawFlags&unix.IFF_LOWER_UP != 0
		return !carried
	})
	return carried, err
}

// EnsureUp is AwaitUpIfCarried, and asks nothing if the link was operational when it was looked up.
// A bridge is not before its first port forwards, and what the host sends through it is dropped.
func (n *Namespace) EnsureUp(ctx context.Context, l netlink.Link) error {
	if l.Attrs().OperState == netlink.OperUp {
		return nil
	}
	_, err := n.AwaitUpIfCarried(ctx, l)
	return err
}

// AwaitOperState is like AwaitUp, and returns the state that the link has then.
func (n *Namespace) AwaitOperState(ctx context.Context, l netlink.Link) (netlink.LinkOperState, error) {
	return n.awaitOperState(ctx, l, func(netlink.Link) bool { return false })
}

// awaitOperState waits no longer if enough says so of the link.
func (n *Namespace) awaitOperState(ctx context.Context, l netlink.Link, enough func(netlink.Link) bool) (state netlink.LinkOperState, err error) {
	_, err = n.Await(ctx, upTime, func() (bool, error) {
		now, err := n.LinkByIndex(l.Attrs().Index)
		if err != nil {
			return false, fmt.Errorf("look %q up: %w", l.Attrs().Name, err)
		}
		state = now.Attrs().OperState
		switch {
		case enough(now):
			return true, nil
		case state == netlink.OperUnknown:
			return n.hasConstantCarrier(now)
		}
		return state == netlink.OperUp, nil
	}, unix.RTNLGRP_LINK)
	return state, err
}

// hasConstantCarrier reports whether a link has had its carrier from the beginning,
// as dummy, ipvlan and loopback devices have. It sends as soon as it is set up, and
// its operational state stays unknown: the kernel sets that when a carrier changes.
func (n *Namespace) hasConstantCarrier(l netlink.Link) (bool, error) {
	attrs, err := n.settings(l)
	for _, attr := range attrs {
		if attr.Attr.Type == unix.IFLA_CARRIER_CHANGES && len(attr.Value) == 4 {
			return binary.NativeEndian.Uint32(attr.Value) == 0, nil
		}
	}
	return false, err
}
