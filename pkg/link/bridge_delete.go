package link

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// DeleteBridge deletes the bridge called name, and the inner pairs connected to
// it, if AddBridge has made it and it has no other ports. Anything else of that
// name is left as it is.
//
// Nobody who attaches a port meanwhile loses the bridge, if only he sets it up
// after that, and begins anew where that fails because it is gone: the bridge is
// set down before the ports are looked at, and the kernel deletes it by ioctl
// only while it is down.
func (n *Namespace) DeleteBridge(name string) error {
	l, err := n.LinkByName(name)
	if IsNotFound(err) {
		return n.deleteOrphans(name)
	}
	if err != nil {
		return err
	}
	bridge, ok := l.(*netlink.Bridge)
	if !ok || bridge.Group != madeGroup {
		return nil
	}
	if shared, err := n.IsShared(bridge, nil); shared || err != nil {
		return err
	}
	if err := n.LinkSetDown(bridge); err != nil {
		return unlessNotFound(fmt.Errorf("set %q down: %w", name, err))
	}
	ports, inner, err := n.sortPorts(bridge)
	if err != nil || len(ports) > 0 {
		return errors.Join(err, unlessNotFound(n.LinkSetUp(bridge)))
	}
	if deleted, err := n.deleteDownBridge(name); err != nil || !deleted {
		return err
	}
	var errs []error
	for _, l := range inner {
		errs = append(errs, n.delete(l))
	}
	return errors.Join(errs...)
}

// deleteOrphans deletes the inner pairs of a bridge that is gone: whoever was
// deleting both may have been killed in between.
func (n *Namespace) deleteOrphans(bridge string) error {
	links, err := n.with(unix.IFLA_IFNAME, []byte(bridge+"."))
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range links {
		if _, err := strconv.Atoi(l.Attrs().Name[len(bridge+"."):]); err != nil {
			continue
		}
		if _, port, err := n.inner(l.Attrs().Name); err == nil && port.Attrs().MasterIndex == 0 {
			errs = append(errs, n.delete(l))
		}
	}
	return errors.Join(errs...)
}

func unlessNotFound(err error) error {
	if IsNotFound(err) {
		return nil
	}
	return err
}

// deleteDownBridge leaves a bridge alone that is up: unlike RTM_DELLINK, this
// ioctl of bridge-utils refuses it with EBUSY.
func (n *Namespace) deleteDownBridge(name string) (deleted bool, err error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return false, err
	}
	err = n.inside(func() error {
		socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		return unix.IoctlIfreq(socket, unix.SIOCBRDELBR, request)
	})
	switch err {
	case nil, unix.ENXIO: // ENXIO: somebody else was faster
		return true, nil
	case unix.EBUSY:
		return false, nil
	}
	return false, fmt.Errorf("delete bridge %q: %w", name, err)
}

// IsShared reports whether the bridge has ports other than port, which may be nil, and
// those of inner pairs. Of many ports it reads on only up to the first.
func (n *Namespace) IsShared(bridge, port netlink.Link) (shared bool, err error) {
	index := bridge.Attrs().Index
	err = n.readSome(unix.RTM_GETLINK, func(req *nl.NetlinkRequest) {
		shared = false
		addList(req, portsOf(index))
	}, func(m []byte) (bool, error) {
		p, err := netlink.LinkDeserialize(nil, m)
		if err != nil {
			return false, err
		}
		if p.Attrs().MasterIndex != index || port != nil && p.Attrs().Index == port.Attrs().Index {
			return true, nil
		}
		inner, err := n.innerEnd(bridge, p)
		shared = err == nil && inner == nil
		return !shared, err
	})
	if err != nil {
		return false, fmt.Errorf("list ports of %q: %w", bridge.Attrs().Name, err)
	}
	return shared, nil
}

// sortPorts returns the ports of a bridge, and the other ends of those that
// belong to inner pairs.
func (n *Namespace) sortPorts(bridge netlink.Link) (ports, inner []netlink.Link, err error) {
	all, err := n.Ports(bridge)
	if err != nil {
		return nil, nil, err
	}
	for _, port := range all {
		l, err := n.innerEnd(bridge, port)
		if err != nil {
			return nil, nil, err
		}
		if l != nil {
			inner = append(inner, l)
		} else {
			ports = append(ports, port)
		}
	}
	return ports, inner, nil
}

// innerEnd returns the other end of the inner pair that a port belongs to, or
// nil.
func (n *Namespace) innerEnd(bridge, port netlink.Link) (netlink.Link, error) {
	if port.Type() != "veth" || port.Attrs().NetNsID >= 0 {
		return nil, nil
	}
	l, err := n.LinkByIndex(PeerIndex(port))
	switch {
	case IsNotFound(err): // the pair is being deleted
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look the other end of %q up: %w", port.Attrs().Name, err)
	case !strings.HasPrefix(l.Attrs().Name, bridge.Attrs().Name+"."):
		return nil, nil
	}
	return l, nil
}
