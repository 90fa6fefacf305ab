package link

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netdev"
)

// IsNotFound reports whether err says that there is no such link.
func IsNotFound(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.As(err, &notFound) || errors.Is(err, unix.ENODEV)
}

// Lacks reports whether certainly no link has a name, other than as an alternative one, and
// asks nothing over rtnetlink, whose lock all wait for who set up containers. It is for
// namespaces with few links.
func (n *Namespace) Lacks(name string) bool {
	lacks := false
	_ = n.inside(func() error {
		exists, err := netdev.Exists(name)
		lacks = !exists && err == nil
		return nil
	})
	return lacks
}

// LacksEthernet is Lacks for a link with an MTU of 68 bytes or more, as all have that
// Ethernet frames go through, and for namespaces with any number of links. The kernel has
// parameters of IPv4 for those, if it has any.
func (n *Namespace) LacksEthernet(name string) bool {
	lacks := false
	_ = n.inside(func() error {
		_, err := os.Lstat(parameters + name)
		_, ofAll := os.Lstat(parameters + "all")
		lacks = errors.Is(err, fs.ErrNotExist) && ofAll == nil
		return nil
	})
	return lacks
}

// parameters is where IPv4 has those of each link.
const parameters = "/proc/sys/net/ipv4/conf/"

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
		case isHardware(l.Type()):
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
