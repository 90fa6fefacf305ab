package ptp

import (
	"fmt"
	"net"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/nat"
)

// maxMTU is the largest MTU that the veth driver takes, ETH_MAX_MTU.
const maxMTU = 65535

// minMTU is the smallest one, ETH_MIN_MTU.
const minMTU = 68

// Conf is the network configuration of ptp.
type Conf struct {
	iface.Conf
	masquerade
	// MTU of both ends in bytes. 0, the default, leaves it to the kernel.
	MTU int `json:"mtu"`
	// MAC of the container's end. Default: a random one. The capability "mac"
	// overrides it.
	MAC string `json:"mac"`

	mac net.HardwareAddr
}

// masquerade has the keys about masquerading.
type masquerade = nat.Conf

// Validate checks the bounds of the plugin's own keys.
func (c *Conf) Validate() error {
	if err := c.masquerade.Validate(); err != nil {
		return err
	}
	if c.MTU != 0 && (c.MTU < minMTU || c.MTU > maxMTU) {
		return fmt.Errorf("invalid mtu %d (must be 0 or between %d and %d)", c.MTU, minMTU, maxMTU)
	}
	var err error
	c.mac, err = iface.RequestedMAC("", c.MAC, c.RuntimeConfig.MAC)
	return err
}
