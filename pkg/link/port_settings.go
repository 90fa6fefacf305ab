package link

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// PortSettings are those of a new port.
type PortSettings struct {
	PortFlags
	// VLANs returns those that the port is to be in, or nil if the kernel's choice
	// is right: byDefault, as the VLAN of untagged frames, or none if that is 0.
	VLANs func(byDefault uint16) *VLANs
}

// attach makes the port, which is down, one of the bridge.
func (n *Namespace) attach(made Connection, settings PortSettings) error {
	port, name := made.Port, made.Port.Attrs().Name
	if err := n.LinkSetMaster(port, made.Bridge); err != nil {
		return fmt.Errorf("failed to connect %q to bridge %s: %w", name, made.Bridge.Name, err)
	}
	if settings.Hairpin {
		if err := n.LinkSetHairpin(port, true); err != nil {
			return fmt.Errorf("failed to setup hairpin mode for %v: %w", name, err)
		}
	}
	if settings.Isolated {
		if err := n.LinkSetIsolated(port, true); err != nil {
			return fmt.Errorf("failed to set isolated on for %v: %w", name, err)
		}
	}
	return n.joinVLANs(made, settings.VLANs)
}

// DefaultVLAN returns the VLAN that the kernel puts new ports into, as untagged
// frames'; 0 if into none.
func (c Connection) DefaultVLAN() uint16 {
	if c.Bridge.VlanDefaultPVID == nil {
		return 0
	}
	return *c.Bridge.VlanDefaultPVID
}

// joinVLANs changes the VLANs of a new port from the kernel's choice.
func (n *Namespace) joinVLANs(made Connection, choose func(byDefault uint16) *VLANs) error {
	name, before := made.Port.Attrs().Name, made.DefaultVLAN()
	vlans := choose(before)
	if vlans == nil {
		return nil
	}
	stays := before == vlans.Native || len(vlans.Untagged) > 0 || vlans.Tagged.Has(before)
	if before != 0 && !stays {
		if err := n.RemoveVLAN(made.Port, before); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("failed to remove default vlan on interface %q: %w", name, err)
		}
	}
	if err := n.AddTaggedVLANs(made.Port, vlans.Tagged); err != nil {
		return fmt.Errorf("failed to setup vlan tag on interface %q: %w", name, err)
	}
	if before == vlans.Native {
		return nil
	}
	if err := n.SetNativeVLAN(made.Port, vlans.Native); err != nil {
		return fmt.Errorf("failed to setup vlan tag on interface %q: %w", name, err)
	}
	return nil
}
