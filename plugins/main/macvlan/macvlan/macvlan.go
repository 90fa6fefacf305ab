// Package macvlan connects a container by a macvlan interface: with a hardware
// address of its own, straight on an interface of the host.
package macvlan

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
)

// Plugin answers the verbs for macvlan.
var Plugin = iface.New("macvlan", func() iface.Driver {
	return &Conf{Child: iface.Child{Kind: "macvlan"}}
})

// Create makes the interface.
func (c *Conf) Create(a *iface.Attachment) error {
	mac, err := iface.RequestedMAC(a.Args.Args, c.MAC, c.RuntimeConfig.MAC)
	if err != nil {
		return err
	}
	l := c.link()
	l.HardwareAddr = mac
	made, err := c.Make(a, l)
	if err != nil {
		return err
	}
	if len(c.macAddrs) > 0 {
		if err := a.Container.MacvlanMACAddrSet(made, c.macAddrs); err != nil {
			return fmt.Errorf("set macaddrs of %q: %w", a.IfName, err)
		}
	}
	if c.NoPromisc {
		if err := a.Container.SetNoPromisc(made); err != nil {
			return err
		}
	}
	a.Report(made)
	return c.Prepare(a, c.HasIPAM())
}

// link is what the configuration says of the interface.
func (c *Conf) link() *netlink.Macvlan {
	return &netlink.Macvlan{Mode: c.mode, BCQueueLen: c.BCQueueLen, MACAddrs: c.macAddrs}
}

// Expect describes the interface.
func (c *Conf) Expect(a *iface.Attachment) (container, host []check.Expect, err error) {
	expected, err := c.ExpectChild(a, c.link())
	if c.NoPromisc {
		expected.Options[link.NoPromisc] = "on"
	}
	return []check.Expect{expected}, nil, err
}
