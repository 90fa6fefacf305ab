package hostdevice

import (
	"fmt"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/loan"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/sysfs"
)

// resolve looks the PCI function or auxiliary device up, if one is given, and
// decides whether anything is to be moved.
func (c *Conf) resolve() (sysfs.Parent, error) {
	if !c.hasSelector() {
		return sysfs.Parent{}, plugin.Errorf(types.ErrInvalidNetworkConfig, `specify either "device", "hwaddr", "kernelpath" or "pciBusID"`)
	}
	parent, err := c.parent()
	if err != nil || parent.PCI == "" {
		return parent, err
	}
	if c.DPDKMode, err = parent.HasUserDriver(); err != nil {
		err = fmt.Errorf("error with host device: %w", err)
	}
	return parent, err
}

// parent returns the device that the runtime's id or the PCI address names.
func (c *Conf) parent() (sysfs.Parent, error) {
	switch {
	case c.Runtime.DeviceID != "":
		parent, found := sysfs.Find(c.Runtime.DeviceID)
		if !found {
			return parent, fmt.Errorf("runtime config DeviceID %s not found or unsupported", c.Runtime.DeviceID)
		}
		return parent, nil
	case c.PCI != "":
		return sysfs.Function(c.PCI), nil
	}
	return sysfs.Parent{}, nil
}

// findOrReclaim finds the device, also if the kernel returns it, under the name that it
// had in a container whose DEL is still to come: it is renamed first.
func (c *Conf) findOrReclaim(a *iface.Attachment, parent sysfs.Parent) (netlink.Link, error) {
	l, err := c.find(a.Host, parent)
	var name string
	if err == nil {
		name = l.Attrs().Alias
	} else {
		name = c.lentName()
	}
	if name == "" {
		return l, err
	}
	reclaimed, failed := loan.Reclaim(a.Context, a.Host, name)
	switch {
	case failed != nil:
		return nil, failed
	case reclaimed:
		return c.find(a.Host, parent)
	}
	return l, err
}

// lentName returns the name that the device has on the host, if a container has it.
func (c *Conf) lentName() string {
	lent, _ := loan.All() // whose error is that the device is not found
	for _, l := range lent {
		if c.means(l) {
			return l.Device.Name
		}
	}
	return ""
}

// find returns the device that the configuration means.
func (c *Conf) find(host *link.Namespace, parent sysfs.Parent) (netlink.Link, error) {
	if c.HWAddr != "" && c.Device == "" {
		return host.LinkByMAC(c.hwAddr)
	}
	name, err := c.deviceName(parent)
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
func (c *Conf) deviceName(parent sysfs.Parent) (string, error) {
	switch {
	case c.Device != "":
		return c.Device, nil
	case c.KernelPath != "":
		return sysfs.NetDeviceAt(c.KernelPath)
	}
	return parent.NetDevice()
}
