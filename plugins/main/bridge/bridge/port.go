package bridge

import (
	"fmt"

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

// awaitPort waits until the bridge forwards what comes through the port.
func (c *Conf) awaitPort(a *iface.Attachment) error {
	state, err := a.Host.AwaitOperState(a.Context, c.made.Port)
	if err == nil && state != netlink.OperUp {
		return fmt.Errorf("bridge port in error state: %s", state)
	}
	return err
}
