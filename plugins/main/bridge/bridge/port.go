package bridge

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
)

// portSettings are those of the host's end of the pair.
func (c *Conf) portSettings() link.PortSettings {
	return link.PortSettings{PortFlags: c.portFlags(), VLANs: c.vlans}
}

func (c *Conf) portFlags() link.PortFlags {
	return link.PortFlags{Hairpin: c.HairpinMode, Isolated: c.PortIsolation}
}

// nativeVLAN is that of the untagged frames of ports that have a trunk only.
const nativeVLAN = 1

// vlans returns the VLANs that the port is to be in, or nil if the kernel's
// choice is right.
func (c *Conf) vlans(defaultVLAN uint16) *link.VLANs {
	if c.VLAN == 0 && len(c.trunk) == 0 {
		return nil
	}
	vlans := &link.VLANs{Native: nativeVLAN}
	if c.VLAN != 0 {
		vlans.Native = uint16(c.VLAN)
	}
	vlans.Tagged = c.trunk.Without(vlans.Native)
	if c.PreserveDefaultVLAN && defaultVLAN != 0 && defaultVLAN != vlans.Native && !c.trunk.Has(defaultVLAN) {
		vlans.Untagged = []uint16{defaultVLAN}
	}
	return vlans
}

// takeOver removes the port of a dead container that had the hardware address: as long
// as the kernel has not, it may still answer, and the bridge turn to it.
func (c *Conf) takeOver(a *iface.Attachment, mac net.HardwareAddr) error {
	if mac == nil {
		return nil
	}
	vlan := uint16(0)
	if filters := c.made.Bridge.VlanFiltering; filters != nil && *filters {
		if vlan = c.made.DefaultVLAN(); c.VLAN != 0 {
			vlan = uint16(c.VLAN)
		}
	}
	before, err := a.Host.PortTo(c.made.Bridge, mac, vlan)
	if before == nil || err != nil {
		return err
	}
	_, err = a.Host.DeleteOrphan(a.Context, before)
	return err
}

// awaitPort waits until the bridge forwards what comes through the port.
func (c *Conf) awaitPort(a *iface.Attachment) error {
	state, err := a.Host.AwaitOperState(a.Context, c.made.Port)
	if err == nil && state != netlink.OperUp {
		return fmt.Errorf("bridge port in error state: %s", state)
	}
	return err
}
