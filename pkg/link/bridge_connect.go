package link

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Bridge describes the bridge that a port is to be connected to.
type Bridge struct {
	Name string
	// MTU of the bridge in bytes if it is made. Default: the kernel's, 1500.
	MTU   int
	Flags BridgeFlags
	// Promiscuous makes the bridge itself take all frames.
	Promiscuous bool
	// Prepare is called before the bridge is set up, for what rtnetlink cannot
	// do. The name is the bridge's own, and isNew says that it has just been made.
	Prepare func(name string, isNew bool) error
}

// Connection is a port and the bridge that it belongs to.
type Connection struct {
	Bridge *netlink.Bridge
	Port   netlink.Link
	// New means that the bridge has been made for the port.
	New bool
}

// maxRaces is how often a bridge may be deleted by somebody else while a port, or an
// inner pair, is being connected to it.
const maxRaces = 10

// Connect makes port, which is down, a port of the bridge, and sets both up. It
// makes the bridge if there is none. It returns what it has made also with an
// error.
//
// The order is what DeleteBridge relies on: it deletes no bridge that has been set
// up after it got a port, and if it was faster, all begins anew. Who makes the
// bridge at the same time is told apart by the kernel (NLM_F_EXCL).
func (n *Namespace) Connect(port netlink.Link, b Bridge, settings PortSettings) (Connection, error) {
	made := Connection{Port: port}
	for range maxRaces {
		bridge, isNew, err := n.ensureBridge(b)
		if bridge != nil {
			made.Bridge, made.New = bridge, made.New || isNew
		}
		if err == nil {
			err = n.attach(made, settings)
		}
		if err == nil {
			err = n.LinkSetUp(made.Bridge)
		}
		if err == nil {
			return made, n.bringUp(made)
		}
		if !IsNotFound(err) && (bridge == nil || !n.IsGone(bridge)) {
			return made, err
		}
	}
	return made, fmt.Errorf("bridge %q was deleted again and again by somebody else", b.Name)
}

// IsGone reports whether a link is certainly not there any longer.
func (n *Namespace) IsGone(l netlink.Link) bool {
	_, err := n.LinkByIndex(l.Attrs().Index)
	return IsNotFound(err)
}

// bringUp sets the port up, which lets frames in, and gives the bridge back the
// MTU that the kernel has taken from it for that of the new port
// (br_mtu_auto_adjust). Setting it also makes it stay.
func (n *Namespace) bringUp(made Connection) error {
	if made.Port.Attrs().MTU < made.Bridge.MTU {
		if err := n.LinkSetMTU(made.Bridge, made.Bridge.MTU); err != nil {
			return fmt.Errorf("restore MTU of bridge %q: %w", made.Bridge.Name, err)
		}
	}
	if err := n.LinkSetUp(made.Port); err != nil {
		return fmt.Errorf("set %q up: %w", made.Port.Attrs().Name, err)
	}
	return nil
}

// ensureBridge returns the bridge, which may be down, with the settings that are
// asked for. It returns a bridge that it has made also if those fail.
func (n *Namespace) ensureBridge(b Bridge) (bridge *netlink.Bridge, isNew bool, err error) {
	bridge, err = n.Bridge(b.Name)
	if IsNotFound(err) {
		bridge, err = n.AddBridge(b.Name, b.MTU, b.Flags)
		isNew = err == nil
		if errors.Is(err, unix.EEXIST) {
			bridge, err = n.Bridge(b.Name)
		}
	}
	if err == nil && !isNew {
		err = n.adopt(bridge, b.Flags)
	}
	if err == nil && b.Promiscuous && bridge.RawFlags&unix.IFF_PROMISC == 0 {
		if err = n.SetPromiscOn(bridge); err != nil {
			err = fmt.Errorf("could not set promiscuous mode on %q: %w", b.Name, err)
		}
	}
	if err == nil && b.Prepare != nil {
		err = b.Prepare(bridge.Name, isNew)
	}
	if err != nil {
		return bridge, isNew, fmt.Errorf("failed to create bridge %q: %w", b.Name, err)
	}
	return bridge, isNew, nil
}

// adopt changes what differs on a bridge that was there before.
func (n *Namespace) adopt(bridge *netlink.Bridge, flags BridgeFlags) error {
	if err := n.PinMAC(bridge); err != nil {
		return err
	}
	if isTrue(flags.VLANFiltering) && !isTrue(bridge.VlanFiltering) {
		if err := n.CanFilterVLANs(bridge); err != nil {
			return err
		}
	} else if flags.STP == nil && (flags.MulticastSnooping == nil || isTrue(bridge.MulticastSnooping) == *flags.MulticastSnooping) {
		return nil
	}
	return n.SetBridgeFlags(bridge, flags)
}

func isTrue(b *bool) bool { return b != nil && *b }

// CanFilterVLANs refuses to separate VLANs on a bridge to which somebody else has
// connected something else than a container: an uplink or a virtual machine may
// use VLANs, which the bridge has passed on so far and would drop from now on.
func (n *Namespace) CanFilterVLANs(bridge *netlink.Bridge) error {
	if isTrue(bridge.VlanFiltering) {
		return nil
	}
	ports, err := n.Ports(bridge)
	if err != nil {
		return err
	}
	for _, port := range ports {
		if port.Type() != "veth" {
			return fmt.Errorf("it does not filter VLANs, and its port %s might lose traffic if it did (`ip link set %s type bridge vlan_filtering 1` permits it)",
				port.Attrs().Name, bridge.Name)
		}
	}
	return nil
}
