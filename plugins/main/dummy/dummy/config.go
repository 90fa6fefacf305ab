package dummy

import (
	"math"
	"net"

	"github.com/containernetworking/plugins/pkg/iface"
)

// Conf is the network configuration of dummy.
type Conf struct {
	iface.Conf
	iface.Endpoint
	iface.Queues
	// MTU in bytes. IPv6 needs 1280. Default: 0, which leaves it to the kernel (1500).
	//
	//schema:value {"type": "integer", "anyOf": [{"const": 0}, {"minimum": 68}], "maximum": 2147483647}
	MTU int `json:"mtu"`
	// MAC of the interface. Default: a random one. The capability "mac" overrides
	// it.
	MAC string `json:"mac"`

	mac net.HardwareAddr
}

// Validate checks the bounds of the plugin's own keys.
func (c *Conf) Validate() error {
	if err := iface.ValidateMTU(c.MTU, math.MaxInt32); err != nil {
		return err
	}
	if err := c.Queues.Validate(); err != nil {
		return err
	}
	var err error
	c.mac, err = iface.RequestedMAC("", c.MAC, c.RuntimeConfig.MAC)
	return err
}
