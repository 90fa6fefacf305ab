// Package bridge connects a container to a bridge of the host, and the bridge,
// as the containers' gateway, to the rest of the world.
package bridge

import (
	_ "embed" // for help and schema
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/rules"
	"github.com/containernetworking/plugins/pkg/spoof"
)

// Plugin answers the verbs for bridge.
//
//schema:args MAC hardware address of the container's interface, if neither args.cni.mac nor the capability says one. Other keys need IgnoreUnknown=true.
//schema:command repair makes again what was flushed of the packet filter, for containers that have it by the records in /run/cni.
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = iface.New("bridge", func() iface.Driver { return new(Conf) }).WithAbout(&help, &schema).
	WithRepair(records.Repair).With("downgrade", records.Downgrade).WithHoldings(records.Holdings)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// records are for the commands repair and downgrade.
var records = rules.Records{Plugin: "bridge", Restrict: spoof.Repair, Release: spoof.Del, Restricted: spoof.Holdings, Unrestrict: spoof.Downgrade}

// Create makes the veth pair and connects it to the bridge, which it makes if
// there is none.
func (c *Conf) Create(a *iface.Attachment) error {
	mac, err := iface.RequestedMAC(a.Args.Args, "", c.Args.CNI.MAC, c.RuntimeConfig.MAC)
	if err != nil {
		return err
	}
	if err := c.CheckIPv6(a, c.MTU); err != nil {
		return err
	}
	pair := link.Veth{Name: a.IfName, MTU: c.MTU, MAC: mac}
	port, containerEnd, err := link.AddOwnedVeth(a.Host, a.Container, pair, a.Attachment)
	if err != nil {
		return err
	}
	a.Undo(func() error { return c.undo(a) })
	c.ignoreAdvertisements(port.Attrs().Name)
	c.kept = rules.New(a.Attachment, port.Attrs().Name, containerEnd.Attrs().HardwareAddr, c.masquerade, c.antiSpoofing)
	if err := records.Keep(c.kept, nil); err != nil {
		return err
	}
	if err := c.antiSpoofing.Restrict(a.Attachment, port.Attrs().Name, containerEnd.Attrs().HardwareAddr); err != nil {
		return err
	}
	if c.made, err = a.Host.Connect(port, c.bridge(), c.portSettings()); err != nil {
		return err
	}
	if err := c.takeOver(a, mac); err != nil {
		return err
	}
	a.ReportHost(c.made.Bridge)
	a.ReportHost(port)
	a.Report(containerEnd)
	return c.setUp().Prepare(a, c.HasIPAM())
}

func (c *Conf) setUp() iface.SetUp { return iface.SetUp{Detect: c.EnableDAD, AcceptRA: c.AcceptRA} }

// undo takes back what Create did. A bridge that was there before stays, and so
// does one that others use by now.
func (c *Conf) undo(a *iface.Attachment) error {
	err := c.Remove(a)
	if c.made.New {
		err = plugin.Join(err, a.Host.DeleteBridge(c.Bridge))
	}
	return err
}

// Configure gives the bridge and the container their addresses and routes, the
// bridge first, so that it answers the container's first packet.
func (c *Conf) Configure(a *iface.Attachment) error {
	if c.DisableContainerInterface {
		return ip.Tolerate(c.heeded, nil)
	}
	if err := c.complete(a.Result); err != nil {
		return err
	}
	plan := c.newPlan(a.Result)
	if err := c.becomeGateway(a, plan.gateways); err != nil {
		return err
	}
	if err := ip.Tolerate(c.heeded, a.Result.IPs); err != nil {
		return err
	}
	if err := records.Keep(c.kept, a.Networks()); err != nil {
		return err
	}
	if err := c.antiSpoofing.Allow(a.Attachment, a.Networks()); err != nil {
		return err
	}
	if err := c.masquerade.Add(a.Attachment, a.Networks()); err != nil {
		return err
	}
	if err := c.setUp().Apply(a, plan.container); err != nil {
		return err
	}
	if c.IsGateway {
		if err := ip.EnableForward(a.Result.IPs); err != nil {
			return fmt.Errorf("failed to enable forwarding: %w", err)
		}
	}
	return c.await(a, plan)
}

// await waits until packets pass between container and gateways, and then lets
// the neighbours know of the container.
func (c *Conf) await(a *iface.Attachment, plan plan) error {
	if err := c.awaitPort(a); err != nil {
		return err
	}
	if err := c.awaitGateways(a, plan.gateways); err != nil {
		return err
	}
	if len(plan.container.Addrs) == 0 {
		return nil
	}
	return ip.Announce(a.Container, a.Link())
}

// becomeGateway makes the host the gateway of the container.
func (c *Conf) becomeGateway(a *iface.Attachment, gateways []netlink.Addr) error {
	if len(gateways) == 0 {
		return nil
	}
	var err error
	if c.host, err = c.gateway(a); err != nil {
		return err
	}
	if err := c.addGateways(a, c.host, gateways); err != nil {
		if c.VLAN != 0 {
			return fmt.Errorf("failed to set vlan interface for bridge with addr: %w", err)
		}
		return fmt.Errorf("failed to set bridge addr: %w", err)
	}
	return nil
}

// Expect describes the container's interface and those on the host.
func (c *Conf) Expect(a *iface.Attachment) (container, host []check.Expect, err error) {
	if err := c.complete(a.Result); err != nil {
		return nil, nil, err
	}
	plan := c.newPlan(a.Result)
	inside := a.Expect("veth")
	inside.Down = c.DisableContainerInterface
	inside.Config = plan.container
	host, err = c.expectHost(a, plan.gateways)
	return []check.Expect{inside}, host, plugin.Join(err, c.checkRules(a, inside.MAC))
}

// checkRules compares masquerade and anti-spoofing. If the result has no port,
// that is expectHost's error.
func (c *Conf) checkRules(a *iface.Attachment, mac string) error {
	err := c.masquerade.Check(a.Attachment, a.Networks())
	if port, unknown := a.ExpectPeer(c.Bridge, c.gatewayName()); unknown == nil {
		err = plugin.Join(err, c.antiSpoofing.Check(a.Attachment, port.Name, mac, a.Networks()))
	}
	return err
}

// expectHost describes the bridge, the port, and the gateway of the VLAN. The
// bridge's MTU is not compared: it may change with other ports.
func (c *Conf) expectHost(a *iface.Attachment, gateways []netlink.Addr) ([]check.Expect, error) {
	made, missing := a.Host.Bridge(c.Bridge)
	if missing == nil {
		c.Bridge = made.Name // which the configuration may have an alternative one for
	}
	bridge, err := a.ExpectHost(c.Bridge, "bridge")
	if err != nil {
		return nil, err
	}
	bridge.MTU = 0
	bridge.Promiscuous, bridge.VLANFiltering = c.PromiscMode, c.filtersVLANs()
	port, err := a.ExpectPeer(c.Bridge, c.gatewayName())
	if err != nil {
		return nil, err
	}
	port.Port = &check.Port{Bridge: c.Bridge, Flags: c.portFlags()}
	if missing == nil {
		port.Port.VLANs = c.vlans(link.Connection{Bridge: made}.DefaultVLAN())
	}
	if c.VLAN == 0 || len(gateways) == 0 {
		bridge.Addrs = gateways
		return []check.Expect{bridge, port}, nil
	}
	gateway, err := a.ExpectHost(c.gatewayName(), "") // or an administrator's
	gateway.Addrs = gateways
	return []check.Expect{bridge, port, gateway}, err
}

// Remove deletes the veth pair, the masquerade, what the container may send and,
// if so configured, the bridge with its last port.
func (c *Conf) Remove(a *iface.Attachment) error {
	err := records.Remove(a.Host, a.Container, a.Attachment, spoof.Removal(a.Attachment))
	return plugin.Join(err, c.removeEmpty(a.Host))
}

func (c *Conf) removeEmpty(host *link.Namespace) error {
	if !c.RemoveEmptyBridge {
		return nil
	}
	return host.DeleteBridge(c.Bridge)
}

// Former finds by the records under which name the network was when it made the pair.
func (c *Conf) Former(a owner.Attachment) (owner.Attachment, error) { return records.Former(a) }

// Collect does the same for the network's attachments that are not valid.
func (c *Conf) Collect(host *link.Namespace, network string, valid []owner.Attachment) error {
	return plugin.Join(records.Collect(host, network, valid, spoof.GC), c.removeEmpty(host))
}

// Available looks whether the bridge, if it is there, is fit for the network, or
// can be made so, and what masquerading and anti-spoofing would miss.
func (c *Conf) Available(host *link.Namespace) error {
	return plugin.Join(c.fits(host), c.masquerade.Available(), c.antiSpoofing.Available())
}

func (c *Conf) fits(host *link.Namespace) error {
	bridge, err := host.Bridge(c.Bridge)
	switch {
	case link.IsNotFound(err) && c.filtersVLANs():
		err = link.SupportsVLANFiltering()
	case link.IsNotFound(err):
		return nil
	case err == nil && c.filtersVLANs():
		err = host.CanFilterVLANs(bridge)
	}
	if err != nil {
		return fmt.Errorf("bridge %q: %w", c.Bridge, err)
	}
	return nil
}
