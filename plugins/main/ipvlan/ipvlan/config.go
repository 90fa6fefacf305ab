package ipvlan

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
)

// defaultMode and defaultFlag are those of a network that names none.
const (
	defaultMode = "l2"
	defaultFlag = "bridge"
)

// Conf is the network configuration of ipvlan. Without a master, that is the
// single interface of a prevResult, if there is one.
type Conf struct {
	iface.Reachable
	// Mode is l2, as if connected by a switch, l3, routed without broadcast and multicast, or
	// l3s, the same through netfilter of the host. Default: l2.
	//
	//schema:value {"enum": ["", "l2", "l3", "l3s"]}
	Mode string `json:"mode"`
	// Flag says whom containers of one master reach: bridge each other, private nobody, vepa
	// each other through a switch that sends frames back. Default: bridge.
	//
	//schema:value {"enum": ["", "bridge", "private", "vepa"]}
	Flag string `json:"flag"`

	mode netlink.IPVlanMode
	flag netlink.IPVlanFlag
}

// Validate checks and completes the plugin's own keys.
func (c *Conf) Validate() error {
	if c.Mode == "" {
		c.Mode = defaultMode
	}
	mode := slices.Index(link.IPVLANModes[:], c.Mode)
	if mode < 0 {
		return fmt.Errorf("unknown ipvlan mode: %q", c.Mode)
	}
	if c.Flag == "" {
		c.Flag = defaultFlag
	}
	flag := slices.Index(link.IPVLANFlags[:], c.Flag)
	if flag < 0 {
		return fmt.Errorf("unknown ipvlan flag: %q", c.Flag)
	}
	c.mode, c.flag = netlink.IPVlanMode(mode), netlink.IPVlanFlag(flag)
	c.HostMode = c.mode
	return c.Reachable.Validate(c.flag == netlink.IPVLAN_FLAG_BRIDGE)
}
