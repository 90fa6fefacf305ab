package link

import (
	"errors"
	"fmt"
	"math"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/record"
)

// Make makes an interface. The error says so if the kernel lacks the driver.
func (n *Namespace) Make(l netlink.Link) error {
	return n.explain(l.Type(), n.LinkAdd(l))
}

// explain says so if the kernel made no interface since it lacks the driver.
func (n *Namespace) explain(kind string, err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) {
		if lacks := n.Supports(kind); lacks != nil {
			return lacks
		}
	}
	return err
}

// Supports returns an error unless the kernel has, or loads, a driver for a kind
// of interface.
func (n *Namespace) Supports(kind string) error {
	return record.Able(kind, func() error { return n.try(kind) })
}

// try asks for an interface that no driver makes: with half a hardware address, on
// an interface that does not exist.
func (n *Namespace) try(kind string) error {
	name, err := RandomName("veth")
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex, attrs.HardwareAddr = name, math.MaxInt32, make([]byte, 3)
	err = n.LinkAdd(&netlink.GenericLink{LinkAttrs: attrs, LinkType: kind})
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("the kernel lacks %s", kind)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("make interfaces: %w", err)
	}
	return nil
}

// SupportsVLANFiltering returns ErrNoVLANFiltering unless bridges can tell VLANs apart.
// That shows in nothing but a bridge, which is made in a namespace of its own.
func SupportsVLANFiltering() error {
	return record.Able("bridge-vlans", func() error {
		temp, err := ns.TempNetNS()
		if err != nil {
			return err
		}
		n, err := At(temp)
		if err != nil {
			return err
		}
		defer n.Close()
		on := true
		_, err = n.AddBridge("bridge", 0, BridgeFlags{VLANFiltering: &on})
		if errors.Is(err, ErrNoVLANFiltering) {
			return ErrNoVLANFiltering
		}
		return err
	})
}
