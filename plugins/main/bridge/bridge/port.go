package bridge

import (
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
)

// attach makes the port, which is down, one of the bridge.
func (c *Conf) attach(host *link.Namespace, made connection) error {
	port, name := made.port, made.port.Attrs().Name
	if err := host.LinkSetMaster(port, made.bridge); err != nil {
		return fmt.Errorf("failed to connect %q to bridge %s: %w", name, c.Bridge, err)
	}
	if c.HairpinMode {
		if err := host.LinkSetHairpin(port, true); err != nil {
			return fmt.Errorf("failed to setup hairpin mode for %v: %w", name, err)
		}
	}
	if c.PortIsolation {
		if err := host.LinkSetIsolated(port, true); err != nil {
			return fmt.Errorf("failed to set isolated on for %v: %w", name, err)
		}
	}
	return c.joinVLANs(host, made)
}

// defaultVLAN returns the VLAN that the kernel puts new ports into, as untagged
// frames'; 0 if into none.
func (m connection) defaultVLAN() uint16 {
	if m.bridge.VlanDefaultPVID == nil {
		return 0
	}
	return *m.bridge.VlanDefaultPVID
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

// joinVLANs changes the VLANs of a port from the kernel's choice.
func (c *Conf) joinVLANs(host *link.Namespace, made connection) error {
	name, before := made.port.Attrs().Name, made.defaultVLAN()
	vlans := c.vlans(before)
	if vlans == nil {
		return nil
	}
	stays := before == vlans.Native || len(vlans.Untagged) > 0 || vlans.Tagged.Has(before)
	if before != 0 && !stays {
		if err := ignore(host.RemoveVLAN(made.port, before), unix.ENOENT); err != nil {
			return fmt.Errorf("failed to remove default vlan on interface %q: %w", name, err)
		}
	}
	if err := host.AddTaggedVLANs(made.port, vlans.Tagged); err != nil {
		return fmt.Errorf("failed to setup vlan tag on interface %q: %w", name, err)
	}
	if before == vlans.Native {
		return nil
	}
	if err := host.SetNativeVLAN(made.port, vlans.Native); err != nil {
		if c.VLAN == 0 {
			return fmt.Errorf("failed to setup default native vlan tag on interface %q: %w", name, err)
		}
		return fmt.Errorf("failed to setup vlan tag on interface %q: %w", name, err)
	}
	return nil
}

// portTime bounds the wait for a port whose other end is up, which takes the
// kernel milliseconds, or 1 s if links change too fast.
const portTime = 2 * time.Second

// awaitPort waits until the bridge forwards what comes through the port.
func (c *Conf) awaitPort(a *iface.Attachment) error {
	var state netlink.LinkOperState
	up, err := a.Host.Await(a.Context, portTime, func() (bool, error) {
		port, err := a.Host.LinkByIndex(c.made.port.Attrs().Index)
		if err != nil {
			return false, fmt.Errorf("look %q up: %w", c.made.port.Attrs().Name, err)
		}
		state = port.Attrs().OperState
		return state == netlink.OperUp, nil
	}, unix.RTNLGRP_LINK)
	if err == nil && !up {
		return fmt.Errorf("bridge port in error state: %s", state)
	}
	return err
}
