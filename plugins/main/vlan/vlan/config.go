package vlan

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
)

// maxPriority is the largest of IEEE 802.1Q.
const maxPriority = 7

// Conf is the network configuration of vlan.
type Conf struct {
	iface.Child
	// VLANID is the identifier of the VLAN, 0 to 4094. With 0, frames have a
	// priority only.
	//
	//schema:required
	//schema:value {"minimum": 0, "maximum": 4094}
	VLANID *int `json:"vlanId"`
	// Protocol is 802.1Q, or 802.1ad for a service provider's outer tag, in any case.
	// Default: 802.1Q.
	Protocol string `json:"protocol"`
	// MAC of the interface. Default: the master's. The capability "mac"
	// overrides it.
	MAC string `json:"mac"`
	// QoS maps the priority of frames to that of packets within the kernel, and
	// the other way round, from 0 to 7. Default: all are 0.
	QoS struct {
		// Ingress has the priority within the kernel by that of frames.
		Ingress map[uint32]uint32 `json:"ingress"`
		// Egress has the priority of frames by that within the kernel.
		//
		//schema:value {"additionalProperties": {"type": "integer", "minimum": 0, "maximum": 7}}
		Egress map[uint32]uint32 `json:"egress"`
	} `json:"qos"`

	mac      net.HardwareAddr
	protocol netlink.VlanProtocol
}

// Validate checks and completes the plugin's own keys.
func (c *Conf) Validate() error {
	if c.Master == "" {
		return errors.New(`"master" field is required. It specifies the host interface name to create the VLAN for`)
	}
	if c.VLANID == nil {
		return errors.New(`"vlanId" field is required. It specifies the VLAN`)
	}
	if *c.VLANID < 0 || *c.VLANID > link.MaxVLAN {
		return fmt.Errorf("invalid VLAN ID %d (must be between 0 and %d)", *c.VLANID, link.MaxVLAN)
	}
	c.protocol = netlink.VLAN_PROTOCOL_8021Q
	if c.Protocol != "" {
		c.protocol = netlink.StringToVlanProtocol(strings.ToLower(c.Protocol))
	}
	if c.protocol == netlink.VLAN_PROTOCOL_UNKNOWN {
		return fmt.Errorf("unknown VLAN protocol: %q", c.Protocol)
	}
	if err := c.validatePriorities(); err != nil {
		return err
	}
	var err error
	if c.mac, err = iface.RequestedMAC("", c.MAC, c.RuntimeConfig.MAC); err != nil {
		return err
	}
	return c.Child.Validate()
}

func (c *Conf) validatePriorities() error {
	for priority := range c.QoS.Ingress {
		if priority > maxPriority {
			return fmt.Errorf("invalid priority %d in qos.ingress (frames have 0 to %d)", priority, maxPriority)
		}
	}
	for _, priority := range c.QoS.Egress {
		if priority > maxPriority {
			return fmt.Errorf("invalid priority %d in qos.egress (frames have 0 to %d)", priority, maxPriority)
		}
	}
	return nil
}
