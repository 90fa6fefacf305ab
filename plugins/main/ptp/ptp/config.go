package ptp

import (
	"net"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/nat"
)

// Conf is the network configuration of ptp.
type Conf struct {
	iface.Conf
	masquerade
	// MTU of both ends in bytes. IPv6 needs 1280. Default: 0, which leaves it to the kernel
	// (1500).
	//
	//schema:value {"type": "integer", "anyOf": [{"const": 0}, {"minimum": 68}], "maximum": 65535}
	MTU int `json:"mtu"`
	// MAC of the container's end. Default: a random one. The capability "mac"
	// overrides it.
	MAC string `json:"mac"`

	mac net.HardwareAddr
	// hostEnd is the host's end of the pair that ADD made.
	hostEnd netlink.Link
}

// masquerade has the keys about masquerading.
type masquerade = nat.Conf

// Validate checks the bounds of the plugin's own keys.
func (c *Conf) Validate() error {
	if err := c.masquerade.Validate(); err != nil {
		return err
	}
	if err := iface.ValidateMTU(c.MTU, iface.MaxMTU); err != nil {
		return err
	}
	var err error
	c.mac, err = iface.RequestedMAC("", c.MAC, c.RuntimeConfig.MAC)
	return err
}
