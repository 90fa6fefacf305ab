// Package ipvlan connects a container by an ipvlan interface: with addresses of
// its own, but the hardware address of an interface of the host.
package ipvlan

import (
	_ "embed" // for help and schema

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/hostlink"
	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Plugin answers the verbs for ipvlan.
//
//schema:ignores runtimeConfig
//schema:command repair makes the interface again by which the host reaches its containers.
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = iface.New("ipvlan", func() iface.Driver {
	return &Conf{Reachable: iface.Reachable{Child: iface.Child{Kind: "ipvlan"}}}
}).WithAbout(&help, &schema).WithRepair(hostlink.Repair("ipvlan")).With("downgrade", hostlink.Downgrade("ipvlan")).WithHoldings(hostlink.Holdings("ipvlan"))

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// Create makes the interface. Where another plugin was before, it takes over what
// that has found out.
func (c *Conf) Create(a *iface.Attachment) error {
	before, err := plugin.PrevResult(a.Args.StdinData)
	if err != nil {
		return err
	}
	if before != nil {
		if err := c.follow(a, before); err != nil {
			return err
		}
	}
	return c.Make(a, c.link())
}

// follow takes the master, unless the configuration names one, and, without IPAM,
// addresses and routes from the result of the plugin before. Its interfaces are
// replaced, as upstream does.
func (c *Conf) follow(a *iface.Attachment, before *current.Result) error {
	if c.Master == "" {
		if len(before.Interfaces) != 1 || before.Interfaces[0].Name == "" {
			return plugin.Errorf(types.ErrInvalidNetworkConfig, "chained master failure. PrevResult lacks a single named interface")
		}
		c.Master = before.Interfaces[0].Name
	}
	a.Result.DNS = before.DNS
	if c.HasIPAM() {
		return nil
	}
	if err := plugin.CheckRoutes(before.Routes); err != nil {
		return plugin.Errorf(types.ErrDecodingFailure, "prevResult: %w", err)
	}
	a.Result.Routes = before.Routes
	for _, ip := range before.IPs {
		ip.Interface = current.Int(0)
		a.Result.IPs = append(a.Result.IPs, ip)
	}
	return nil
}

// link is what the configuration says of the interface.
func (c *Conf) link() *netlink.IPVlan { return &netlink.IPVlan{Mode: c.mode, Flag: c.flag} }

// Expect describes the interface.
func (c *Conf) Expect(a *iface.Attachment) (container, host []check.Expect, err error) {
	return c.ExpectChild(a, c.link())
}

// Available looks for the driver and the master. A network without one may get it
// from the plugin before.
func (c *Conf) Available(host *link.Namespace) error {
	if c.Master != "" {
		return c.Reachable.Available(host)
	}
	if err := host.Supports(c.Kind); err != nil || !c.HostInterface.Wanted {
		return err
	}
	return c.HostInterface.Available(host, c.Kind, "") // whose default name nobody has
}
