package tap

import (
	"github.com/containernetworking/plugins/pkg/iface"
)

// maxMTU is the largest MTU that the driver takes: 65535 without an Ethernet
// header.
const maxMTU = 65521

// Conf is the network configuration of tap.
type Conf struct {
	iface.Conf
	iface.Endpoint
	// MultiQueue lets the process that uses the tap open several queues of it.
	MultiQueue bool `json:"multiQueue"`
	// MTU in bytes. IPv6 needs 1280. Default: 0, which leaves it to the kernel (1500).
	//
	//schema:value {"type": "integer", "anyOf": [{"const": 0}, {"minimum": 68}], "maximum": 65521}
	MTU int `json:"mtu"`
	// MAC of the interface. Default: a random one. MAC in CNI_ARGS overrides it,
	// and the capability "mac" both.
	MAC string `json:"mac"`
	// Owner and Group are the ids of the user and the group that may use the tap.
	// Default: only who has CAP_NET_ADMIN.
	Owner *uint32 `json:"owner"`
	Group *uint32 `json:"group"`
	// SELinuxContext is the context that the tap gets. Default: that of the
	// plugin.
	SELinuxContext string `json:"selinuxContext"`
	// Bridge of the container's namespace that the tap becomes a port of.
	// Default: none.
	Bridge string `json:"bridge"`
}

// Validate checks the bounds of the plugin's own keys.
func (c *Conf) Validate() error {
	if _, err := iface.RequestedMAC("", c.MAC, c.RuntimeConfig.MAC); err != nil {
		return err
	}
	return iface.ValidateMTU(c.MTU, maxMTU)
}
