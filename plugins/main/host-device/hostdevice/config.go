package hostdevice

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/loan"
	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/sysfs"
)

// Conf is the network configuration of host-device. Of the keys that say which
// device is meant, the first one given counts.
type Conf struct {
	iface.Conf
	iface.Endpoint
	// Device is the name of the device, or an alternative one.
	Device string `json:"device"`
	// HWAddr is its hardware address.
	HWAddr string `json:"hwaddr"`
	// KernelPath is the directory of its parent below /sys/devices.
	KernelPath string `json:"kernelpath"`
	// PCI is the address of its PCI function, "0000:03:00.1".
	PCI string `json:"pciBusID"`
	// DPDKMode says that a program in the container drives the device, so that
	// there is nothing to move. With a PCI address the driver decides.
	DPDKMode bool `json:"dpdkMode"`
	// UseInterfaceNetwork says that the device takes its addresses, routes and rules
	// along.
	UseInterfaceNetwork bool `json:"useInterfaceNetwork"`

	// Runtime has what the runtime adds.
	Runtime struct {
		// DeviceID precedes pciBusID: the address of a PCI function, or the name of an
		// auxiliary device.
		DeviceID string `json:"deviceID"`
		// MAC is the hardware address that the device has in the container. Default: its
		// own.
		MAC string `json:"mac"`
	} `json:"runtimeConfig"`

	hwAddr, mac net.HardwareAddr
	taken       *loan.Network // by ADD
}

// Validate checks the form of what is given. Whether anything is, is for those
// verbs that need it: not every call comes with the runtime's part.
func (c *Conf) Validate() error {
	var err error
	if c.mac, err = netdev.ParseMAC(c.Runtime.MAC); err != nil {
		return err
	}
	if c.HWAddr != "" {
		if c.hwAddr, err = net.ParseMAC(c.HWAddr); err != nil {
			return fmt.Errorf("failed to parse MAC address %q: %w", c.HWAddr, err)
		}
	}
	if c.KernelPath != "" && !strings.HasPrefix(filepath.Clean(c.KernelPath), sysfs.Root+"/") {
		return fmt.Errorf("kernel device path %q must be absolute and begin with %s/", c.KernelPath, sysfs.Root)
	}
	for key, id := range map[string]string{"pciBusID": c.PCI, "deviceID": c.Runtime.DeviceID} {
		if id != "" && !sysfs.IsName(id) {
			return fmt.Errorf("invalid %s %q", key, id)
		}
	}
	return nil
}

// hasSelector reports whether the configuration says which device is meant.
func (c *Conf) hasSelector() bool {
	return c.Device != "" || c.HWAddr != "" || c.KernelPath != "" || c.PCI != "" || c.Runtime.DeviceID != ""
}
