package bridge

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// connection is a port and the bridge that it belongs to.
type connection struct {
	bridge *netlink.Bridge
	port   netlink.Link
	// new means that the bridge has been made for the port.
	new bool
}

// maxRaces is how often a bridge may be deleted by somebody else while a port is
// being connected to it.
const maxRaces = 10

// connect makes port, which is down, a port of the bridge, and sets both up. It
// makes the bridge if there is none.
//
// The order is what link.Namespace.DeleteBridge relies on: it deletes no bridge
// that has been set up after it got a port, and if it was faster, all begins
// anew. ADDs that make the bridge at the same time are told apart by the kernel
// (NLM_F_EXCL).
func (c *Conf) connect(host *link.Namespace, port netlink.Link) (connection, error) {
	made := connection{port: port}
	for range maxRaces {
		bridge, isNew, err := c.ensureBridge(host)
		if bridge != nil {
			made.bridge, made.new = bridge, made.new || isNew
		}
		if err == nil {
			err = c.attach(host, made)
		}
		if err == nil {
			err = host.LinkSetUp(made.bridge)
		}
		if err == nil {
			return made, c.bringUp(host, made)
		}
		if !link.IsNotFound(err) && (bridge == nil || !isGone(host, bridge)) {
			return made, err
		}
	}
	return made, fmt.Errorf("bridge %q was deleted again and again by somebody else", c.Bridge)
}

func isGone(host *link.Namespace, l netlink.Link) bool {
	_, err := host.LinkByIndex(l.Attrs().Index)
	return link.IsNotFound(err)
}

// bringUp sets the port up, which lets frames in, and gives the bridge back the
// MTU that the kernel has taken from it for that of the new port
// (br_mtu_auto_adjust). Setting it also makes it stay.
func (c *Conf) bringUp(host *link.Namespace, made connection) error {
	if made.port.Attrs().MTU < made.bridge.MTU {
		if err := host.LinkSetMTU(made.bridge, made.bridge.MTU); err != nil {
			return fmt.Errorf("restore MTU of bridge %q: %w", c.Bridge, err)
		}
	}
	if err := host.LinkSetUp(made.port); err != nil {
		return fmt.Errorf("set %q up: %w", made.port.Attrs().Name, err)
	}
	return nil
}

// ensureBridge returns the bridge, which may be down, with the settings that the
// configuration asks for. It returns a bridge that it has made also if those
// fail.
func (c *Conf) ensureBridge(host *link.Namespace) (bridge *netlink.Bridge, isNew bool, err error) {
	bridge, err = host.Bridge(c.Bridge)
	if link.IsNotFound(err) {
		bridge, err = host.AddBridge(c.Bridge, c.MTU, c.flags())
		isNew = err == nil
		if errors.Is(err, unix.EEXIST) {
			bridge, err = host.Bridge(c.Bridge)
		}
	}
	if err == nil && !isNew {
		err = c.adopt(host, bridge)
	}
	if err == nil {
		err = c.adjust(host, bridge, isNew)
	}
	if err != nil {
		return bridge, isNew, fmt.Errorf("failed to create bridge %q: %w", c.Bridge, err)
	}
	return bridge, isNew, nil
}

// flags are the settings that the configuration asks for.
func (c *Conf) flags() link.BridgeFlags {
	flags := link.BridgeFlags{STP: c.STP, MulticastSnooping: c.MulticastSnooping}
	if c.filtersVLANs() {
		flags.VLANFiltering = new(bool)
		*flags.VLANFiltering = true
	}
	return flags
}

// adopt changes what differs on a bridge that was there before.
func (c *Conf) adopt(host *link.Namespace, bridge *netlink.Bridge) error {
	if err := host.PinMAC(bridge); err != nil {
		return err
	}
	if c.filtersVLANs() && !isTrue(bridge.VlanFiltering) {
		if err := filterable(host, bridge); err != nil {
			return err
		}
	} else if c.STP == nil && (c.MulticastSnooping == nil || isTrue(bridge.MulticastSnooping) == *c.MulticastSnooping) {
		return nil
	}
	return host.SetBridgeFlags(bridge, c.flags())
}

func isTrue(b *bool) bool { return b != nil && *b }

// filterable refuses to separate VLANs on a bridge to which somebody else has
// connected something else than a container: an uplink or a virtual machine may
// use VLANs, which the bridge has passed on so far and would drop from now on.
func filterable(host *link.Namespace, bridge *netlink.Bridge) error {
	ports, err := host.Ports(bridge)
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

// adjust changes what is no setting of the bridge driver, before the bridge is
// up.
func (c *Conf) adjust(host *link.Namespace, bridge *netlink.Bridge, isNew bool) error {
	if c.PromiscMode && bridge.RawFlags&unix.IFF_PROMISC == 0 {
		if err := host.SetPromiscOn(bridge); err != nil {
			return fmt.Errorf("could not set promiscuous mode on %q: %w", bridge.Name, err)
		}
	}
	if isNew {
		ip.SkipDetection(bridge.Name)
	}
	if c.DisableIPv6 {
		if _, err := sysctl.Sysctl("net/ipv6/conf/"+bridge.Name+"/disable_ipv6", "1"); err != nil {
			return fmt.Errorf("disable IPv6 on %q: %w", bridge.Name, err)
		}
	}
	return ip.IgnoreAdvertisements(bridge.Name)
}
