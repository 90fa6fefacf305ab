// Package macvlan connects a container by a macvlan interface: with a hardware
// address of its own, straight on an interface of the host.
package macvlan

import (
	_ "embed" // for help and schema

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/hostlink"
	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
)

// Plugin answers the verbs for macvlan.
//
//schema:args MAC hardware address of the container's interface, which overrides the key mac. Other keys need IgnoreUnknown=true.
//schema:command repair makes the interface again by which the host reaches its containers.
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = iface.New("macvlan", func() iface.Driver {
	return &Conf{Reachable: iface.Reachable{Child: iface.Child{Kind: "macvlan"}}}
}).WithAbout(&help, &schema).WithRepair(hostlink.Repair("macvlan")).With("downgrade", hostlink.Downgrade("macvlan")).WithHoldings(hostlink.Holdings("macvlan"))

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// Create makes the interface.
func (c *Conf) Create(a *iface.Attachment) error {
	mac, err := iface.RequestedMAC(a.Args.Args, c.MAC, c.RuntimeConfig.MAC)
	if err != nil {
		return err
	}
	l := c.link()
	if l.HardwareAddr, err = link.ChooseMAC(mac); err != nil {
		return err
	}
	return c.Make(a, l)
}

// link is what the configuration says of the interface.
func (c *Conf) link() *link.Macvlan {
	return &link.Macvlan{
		Macvlan:   netlink.Macvlan{Mode: c.mode, BCQueueLen: c.BCQueueLen, MACAddrs: c.macAddrs},
		NoPromisc: c.NoPromisc,
	}
}

// Expect describes the interface.
func (c *Conf) Expect(a *iface.Attachment) (container, host []check.Expect, err error) {
	return c.ExpectChild(a, c.link())
}
