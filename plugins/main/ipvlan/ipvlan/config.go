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
	// Mode is one of link.IPVLANModes. Default: l2.
	Mode string `json:"mode"`
	// Flag is one of link.IPVLANFlags. Default: bridge.
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
