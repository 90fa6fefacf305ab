package link

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Inner describes an interface of the host in a VLAN of a bridge. It is an inner
// pair: a pair of virtual Ethernet devices within the namespace, of which one is for
// the host itself, and the other one a port of the bridge.
type Inner struct {
	Bridge *netlink.Bridge
	// VLAN is from 1 to MaxVLAN.
	VLAN int
	// Prepare is called before the interface is set up, for what rtnetlink cannot
	// do.
	Prepare func(name string) error
}

// InnerName is the name of the host's interface in a VLAN of a bridge.
func InnerName(bridge string, vlan int) string { return fmt.Sprintf("%s.%d", bridge, vlan) }

// EnsureInner returns the interface, which it makes if there is none, and which is
// up, and waits until the bridge forwards to it. It reports also with an error whether it has
// made one. What an administrator has made in its place, as a VLAN interface on the bridge,
// serves as well.
//
// Who makes it at the same time is told apart by the kernel (NLM_F_EXCL), and each
// completes what the other may not have come to yet: the interface is set up last.
func (n *Namespace) EnsureInner(ctx context.Context, i Inner) (l netlink.Link, isNew bool, err error) {
	name := InnerName(i.Bridge.Name, i.VLAN)
	for range maxRaces {
		l, port, err := n.inner(name)
		switch {
		case i.isVLANInterface(l):
			return l, isNew, n.LinkSetUp(l)
		case IsNotFound(err):
			err = n.addInner(i.Bridge, name)
			isNew = isNew || err == nil
			if err != nil && !errors.Is(err, unix.EEXIST) {
				return nil, isNew, err
			}
		case err != nil:
			return nil, isNew, err
		case port.Attrs().MasterIndex == 0: // of a bridge that is gone
			if err := n.delete(l); err != nil {
				return nil, isNew, err
			}
		case port.Attrs().MasterIndex != i.Bridge.Index:
			return nil, isNew, fmt.Errorf("%q exists but belongs to another bridge", name)
		default:
			if err = n.completeInner(i, l, port); err == nil {
				err = n.EnsureUp(ctx, port)
			}
			return l, isNew, err
		}
	}
	return nil, isNew, fmt.Errorf("%q was deleted again and again by somebody else", name)
}

// isVLANInterface reports whether l is one of the kernel's, on the bridge and in the VLAN.
func (i Inner) isVLANInterface(l netlink.Link) bool {
	vlan, ok := l.(*netlink.Vlan)
	return ok && vlan.ParentIndex == i.Bridge.Index && vlan.VlanId == i.VLAN
}

// completeInner takes the port into the VLAN, and sets both ends up.
func (n *Namespace) completeInner(i Inner, l, port netlink.Link) error {
	if l.Attrs().Flags&port.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	only := func(uint16) *VLANs { return &VLANs{Native: uint16(i.VLAN)} }
	if err := n.joinVLANs(Connection{Bridge: i.Bridge, Port: port}, only); err != nil {
		return err
	}
	if err := i.Prepare(l.Attrs().Name); err != nil {
		return err
	}
	for _, end := range []netlink.Link{port, l} {
		if err := n.LinkSetUp(end); err != nil {
			return fmt.Errorf("set %q up: %w", end.Attrs().Name, err)
		}
	}
	return nil
}

// addInner makes the pair, with a random name for the port. Both ends are down. They
// are made and connected in one message, so that whoever finds such a device whose
// other end is no port knows that the bridge is gone. A name that is taken is
// unix.EEXIST.
func (n *Namespace) addInner(bridge netlink.Link, name string) error {
	portName, err := RandomName("veth")
	if err != nil {
		return err
	}
	portMAC, err1 := ChooseMAC(nil)
	mac, err2 := ChooseMAC(nil)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	near := end{name: portName, mac: portMAC, mtu: bridge.Attrs().MTU, master: bridge.Attrs().Index}
	if _, err := n.makePair(near, end{name: name, mac: mac, mtu: near.mtu}, 0); err != nil {
		return fmt.Errorf("make interface %q: %w", name, err)
	}
	return nil
}

// inner returns both ends of such a pair. It returns a link with an error if that is none.
func (n *Namespace) inner(name string) (l, port netlink.Link, err error) {
	if l, err = n.LinkByName(name); err != nil {
		return nil, nil, err
	}
	if l.Type() != "veth" || l.Attrs().NetNsID >= 0 {
		return l, nil, fmt.Errorf("%q exists but is no pair within the namespace", name)
	}
	port, err = n.LinkByIndex(PeerIndex(l))
	return l, port, err
}
