package hostdevice

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
)

// findOrReclaim finds the device, also if the kernel has returned it under the
// name that it had in a container whose DEL is still to come: it is renamed first.
func (c *Conf) findOrReclaim(host *link.Namespace, bus bus) (netlink.Link, error) {
	l, err := c.find(host, bus)
	name := c.Device
	if err == nil {
		name = l.Attrs().Alias
	}
	if name == "" {
		return l, err
	}
	loans, readErr := loansOf(name)
	if readErr != nil {
		return nil, readErr
	}
	reclaimed := false
	for _, loan := range loans {
		back, err := loan.Device.Restore(host)
		if err != nil {
			return nil, err
		}
		reclaimed = reclaimed || back
	}
	if !reclaimed {
		return l, err
	}
	return c.find(host, bus)
}

// find returns the device that the configuration means.
func (c *Conf) find(host *link.Namespace, bus bus) (netlink.Link, error) {
	if c.HWAddr != "" && c.Device == "" {
		return c.findByMAC(host)
	}
	name, err := c.deviceName(bus)
	if err != nil {
		return nil, err
	}
	l, err := host.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("look %q up: %w", name, err)
	}
	return l, nil
}

// deviceName returns the name that is given, or that sysfs has.
func (c *Conf) deviceName(bus bus) (string, error) {
	switch {
	case c.Device != "":
		return c.Device, nil
	case c.KernelPath != "":
		return kernelPathDevice(c.KernelPath)
	default:
		return bus.netDevice()
	}
}

// findByMAC prefers the device whose own address that is, and hardware to what
// was put upon it and took its address over.
func (c *Conf) findByMAC(host *link.Namespace) (netlink.Link, error) {
	links, err := host.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	links = slices.DeleteFunc(links, func(l netlink.Link) bool { return !bytes.Equal(l.Attrs().HardwareAddr, c.hwAddr) })
	if len(links) == 0 {
		return nil, errors.New("failed to find physical interface")
	}
	rank := func(l netlink.Link) int {
		switch attrs := l.Attrs(); {
		case bytes.Equal(attrs.PermHWAddr, c.hwAddr):
			return 0
		case l.Type() == "device":
			return 1
		case attrs.ParentIndex == 0 && !slices.Contains([]string{"bridge", "bond", "team"}, l.Type()), l.Type() == "veth":
			return 2
		}
		return 3
	}
	return slices.MinFunc(links, func(a, b netlink.Link) int { return rank(a) - rank(b) }), nil
}
