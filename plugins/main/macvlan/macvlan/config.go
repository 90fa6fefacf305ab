package macvlan

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
)

// defaultMode is that of a network that names none.
const defaultMode = "bridge"

// Conf is the network configuration of macvlan.
type Conf struct {
	iface.Reachable
	// Mode says whom containers of one master reach: bridge each other, private nobody, vepa
	// each other through a switch that sends frames back, passthru there is one only, source
	// those whose frames they take by macaddrs. Default: bridge.
	//
	//schema:value {"enum": ["", "private", "vepa", "bridge", "passthru", "source"]}
	Mode string `json:"mode"`
	// MAC of the interface. Default: a random one. MAC in CNI_ARGS overrides
	// it, and the capability "mac" both. In mode passthru the interface has the
	// master's.
	MAC string `json:"mac"`
	// BCQueueLen is the length of the queue for broadcast and multicast packets.
	// Default: 0, which leaves it to the kernel (1000).
	BCQueueLen uint32 `json:"bcqueuelen"`
	// NoPromisc keeps mode passthru from making the master take all frames.
	NoPromisc bool `json:"nopromisc"`
	// MACAddrs are the hardware addresses whose frames the interface takes in
	// mode source.
	MACAddrs []string `json:"macaddrs"`

	mode     netlink.MacvlanMode
	macAddrs []net.HardwareAddr
}

// Validate checks and completes the plugin's own keys.
func (c *Conf) Validate() error {
	if c.Mode == "" {
		c.Mode = defaultMode
	}
	mode := slices.Index(link.MacvlanModes[:], c.Mode)
	if mode < 0 {
		return fmt.Errorf("unknown macvlan mode: %q", c.Mode)
	}
	c.mode = netlink.MacvlanMode(mode)
	if c.NoPromisc && c.mode != netlink.MACVLAN_MODE_PASSTHRU {
		return errors.New("nopromisc needs mode passthru")
	}
	if (len(c.MACAddrs) > 0) != (c.mode == netlink.MACVLAN_MODE_SOURCE) {
		return errors.New("mode source needs macaddrs, which no other mode takes")
	}
	c.macAddrs = nil
	for _, text := range c.MACAddrs {
		mac, err := net.ParseMAC(text)
		if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
			return fmt.Errorf("macaddrs: %q is no unicast MAC address", text)
		}
		c.macAddrs = append(c.macAddrs, mac)
	}
	if _, err := iface.RequestedMAC("", c.MAC, c.RuntimeConfig.MAC); err != nil {
		return err
	}
	return c.Reachable.Validate(c.mode == netlink.MACVLAN_MODE_BRIDGE)
}
