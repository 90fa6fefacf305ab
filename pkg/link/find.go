package link

import (
	"errors"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// IsNotFound reports whether err says that there is no such link.
func IsNotFound(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.As(err, &notFound) || errors.Is(err, unix.ENODEV)
}

// PeerIndex returns the index of the other end of a veth device, in that end's
// namespace. Kernels leave IFLA_LINK out where both ends have the same index.
func PeerIndex(l netlink.Link) int {
	if l.Attrs().ParentIndex == 0 {
		return l.Attrs().Index
	}
	return l.Attrs().ParentIndex
}
