package link

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/owner"
)

// Tagged returns the links of a kind whose alias begins with the tag of an owner.
func (n *Namespace) Tagged(kind string) ([]netlink.Link, error) {
	links, err := n.list(kindOf(kind), func(attrs []byte) bool { return owner.IsTag(string(attribute(attrs, unix.IFLA_IFALIAS))) })
	if err != nil {
		return nil, fmt.Errorf("list links of kind %s: %w", kind, err)
	}
	return links, nil
}
