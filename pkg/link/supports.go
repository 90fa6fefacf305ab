package link

import (
	"errors"
	"fmt"
	"math"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Supports returns an error unless the kernel has, or loads, a driver for a kind
// of interface. It asks for one that no driver makes: with half a hardware
// address, on an interface that does not exist.
func (n *Namespace) Supports(kind string) error {
	name, err := RandomName("veth")
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex, attrs.HardwareAddr = name, math.MaxInt32, make([]byte, 3)
	err = n.LinkAdd(&netlink.GenericLink{LinkAttrs: attrs, LinkType: kind})
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("the kernel lacks %s", kind)
	}
	return nil
}
