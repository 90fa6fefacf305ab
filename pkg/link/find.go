package link

import (
	"bytes"
	"errors"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// IsNotFound reports whether err says that there is no such link.
func IsNotFound(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.As(err, &notFound) || errors.Is(err, unix.ENODEV)
}

// LinkByMAC returns the link with a hardware address. Of several it prefers the one
// that was made with it, and hardware to what was put upon it and took its address
// over.
func (n *Namespace) LinkByMAC(mac net.HardwareAddr) (netlink.Link, error) {
	links, err := n.with(unix.IFLA_ADDRESS, mac)
	if err != nil {
		return nil, err
	}
	links = slices.DeleteFunc(links, func(l netlink.Link) bool { return !bytes.Equal(l.Attrs().HardwareAddr, mac) })
	if len(links) == 0 {
		return nil, errors.New("failed to find physical interface")
	}
	rank := func(l netlink.Link) int {
		switch attrs := l.Attrs(); {
		case bytes.Equal(attrs.PermHWAddr, mac):
			return 0
		case l.Type() == "device":
			return 1
		case attrs.ParentIndex == 0 && !slices.Contains([]string{"bridge", "bond", "team"}, l.Type()), l.Type() == "veth":
			return 2
		}
		return 3
	}
	return slices.MinFunc(links, func(a, b netlink.Link) int { return rank(a) - rank(b) }), nil
}

// PeerIndex returns the index of the other end of a veth device, in that end's
// namespace. Kernels leave IFLA_LINK out where both ends have the same index.
func PeerIndex(l netlink.Link) int {
	if l.Attrs().ParentIndex == 0 {
		return l.Attrs().Index
	}
	return l.Attrs().ParentIndex
}
