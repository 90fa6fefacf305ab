package link

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// move puts a device into another namespace under another name, and writes its
// alias, in one message: nobody sees it there under its old name, and no third
// namespace is needed to rename it in. It is down there, without addresses.
//
// The kernel goes through the message in this order. A name that is taken makes
// it stop half-way, with the device moved, unless the device's old name is taken
// as well: the caller looks first, and knows how to find the device.
func (n *Namespace) move(l netlink.Link, to *Namespace, name, alias string) error {
	err := n.set(l,
		nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(to.NetNS.Fd()))),
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)),
		nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(alias)))
	if err != nil {
		return fmt.Errorf("move it to netns %q as %q: %w", to.NetNS.Path(), name, err)
	}
	return nil
}

// isFree returns unix.EEXIST for a name that a link has, be it as an alternative
// one.
func (n *Namespace) isFree(name string) error {
	_, err := n.LinkByName(name)
	switch {
	case IsNotFound(err):
		return nil
	case err == nil:
		return unix.EEXIST
	}
	return fmt.Errorf("look %q up: %w", name, err)
}
