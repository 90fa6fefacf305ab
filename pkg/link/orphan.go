package link

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// busyTime bounds the wait for the kernel to delete what was in a namespace that has
// ended.
const busyTime = 2 * time.Second

// WhenFree does a step that the kernel refuses as long as an interface on another one of
// n has what it wants for itself: a VLAN, an address, a hardware address. Such an
// interface may be a dead container's that the kernel has still to delete, which shows
// in no other way. So it does the step again each time that one of them goes, for 2 s.
func (n *Namespace) WhenFree(ctx context.Context, step func() error) error {
	var refusal error
	_, err := n.Await(ctx, busyTime, func() (bool, error) {
		refusal = step()
		return !isTaken(refusal), nil
	}, unix.RTNLGRP_LINK)
	if err != nil {
		return err
	}
	return refusal
}

// isTaken knows EINVAL from macvlan's mode passthru, of which a master has one.
func isTaken(err error) bool {
	return slices.ContainsFunc([]error{unix.EEXIST, unix.EADDRINUSE, unix.EBUSY, unix.EINVAL}, func(taken error) bool {
		return errors.Is(err, taken)
	})
}

// deathTime bounds the wait for the end of a namespace that has lost its last name:
// the kernel may hold it some milliseconds longer.
const deathTime = time.Second

// DeleteOrphan deletes the host's end of a veth pair whose other end was in a
// namespace that has ended, and reports whether the link is gone. The kernel does that
// by itself (cleanup_net), but some 20 ms later, or seconds later where many
// namespaces end at once; until then the dead container's addresses and routes are
// there. A link that lives is waited for, for a second, and left as it is.
func (n *Namespace) DeleteOrphan(ctx context.Context, l netlink.Link) (bool, error) {
	if l.Type() != "veth" {
		return false, nil
	}
	look := func() (bool, error) { return n.isOrphan(l) }
	dead, err := n.Await(ctx, deathTime, look, unix.RTNLGRP_LINK, unix.RTNLGRP_NSID)
	if !dead && err == nil {
		dead, err = look() // one of many that end gives no notice yet
	}
	if !dead || err != nil {
		return false, err
	}
	// Also one that the kernel has begun to delete: the answer comes when all that
	// it had is gone with it.
	return true, n.delete(l)
}

// isOrphan reports whether the namespace of a veth's other end has ended. A link that
// is gone counts.
func (n *Namespace) isOrphan(l netlink.Link) (bool, error) {
	now, err := n.LinkByIndex(l.Attrs().Index)
	if IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look %q up: %w", l.Attrs().Name, err)
	}
	peer := PeerIndex(now)
	// -1 stands for this namespace and for one that has no number any longer.
	id := int32(now.Attrs().NetNsID)
	if id < 0 {
		other, err := n.LinkByIndex(peer)
		if IsNotFound(err) {
			return true, nil
		}
		return err == nil && (PeerIndex(other) != now.Attrs().Index || int32(other.Attrs().NetNsID) >= 0), err
	}
	req, err := n.request(unix.RTM_GETLINK, 0)
	if err != nil {
		return false, err
	}
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(peer)
	req.AddData(header)
	req.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(id))))
	// Only kernels that know the attribute (Linux 4.16) answer EINVAL.
	_, err = req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	return errors.Is(err, unix.EINVAL), nil
}
