// Package ptp connects a container to the host by a veth pair and routes: the
// container reaches everything, its own subnet too, through the host's end.
package ptp

import (
	_ "embed" // for help and schema
	"fmt"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/rules"
	"github.com/containernetworking/plugins/pkg/spoof"
)

// Plugin answers the verbs for ptp.
//
//schema:command repair makes again what was flushed of the packet filter, for containers that have it by the records in /run/cni.
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = iface.New("ptp", func() iface.Driver { return new(Conf) }).WithAbout(&help, &schema).
	WithRepair(records.Repair).With("downgrade", records.Downgrade).WithHoldings(records.Holdings)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// records are for the commands repair and downgrade.
var records = rules.Records{Plugin: "ptp"}

// Create makes the veth pair.
func (c *Conf) Create(a *iface.Attachment) error {
	if err := c.CheckIPv6(a, c.MTU); err != nil {
		return err
	}
	pair := link.Veth{Name: a.IfName, MTU: c.MTU, MAC: c.mac, Up: true}
	hostEnd, containerEnd, err := link.AddOwnedVeth(a.Host, a.Container, pair, a.Attachment)
	if err != nil {
		return err
	}
	a.Undo(func() error { return c.Remove(a) })
	c.hostEnd = hostEnd
	a.ReportHost(hostEnd)
	a.Report(containerEnd)
	return nil
}

// Configure gives both ends their addresses and routes, and waits until the
// first packet passes.
func (c *Conf) Configure(a *iface.Attachment) error {
	plan, err := newPlan(a.Result)
	if err != nil {
		return err
	}
	host := c.hostEnd
	if err := ip.Tolerate(ip.IgnoreAdvertisements(host.Attrs().Name), a.Result.IPs); err != nil {
		return err
	}
	onHost, err := plan.host.Watch(a.Host, host)
	if err != nil {
		return err
	}
	defer onHost.Close()
	inside, err := plan.container.Watch(a.Container, a.Link())
	if err != nil {
		return err
	}
	defer inside.Close()
	if err := withLinkLocal(plan.host).Claim(a.Context, a.Host, host); err != nil {
		return err
	}
	if err := plan.container.Apply(a.Container, a.Link()); err != nil {
		return err
	}
	if err := ip.EnableForward(a.Result.IPs); err != nil {
		return fmt.Errorf("enable IP forwarding: %w", err)
	}
	kept := rules.New(a.Attachment, host.Attrs().Name, a.Link().Attrs().HardwareAddr, c.masquerade, spoof.Conf{})
	if err := records.Keep(kept, a.Networks()); err != nil {
		return err
	}
	if err := c.masquerade.Add(a.Attachment, a.Networks()); err != nil {
		return err
	}
	// The container's end sends already: its other end was up when it was set up, so that
	// it had its carrier (__dev_open).
	if err := a.Host.AwaitUp(a.Context, host); err != nil {
		return err
	}
	return plugin.Join(onHost.Await(a.Context), inside.Await(a.Context))
}

// Expect describes both ends.
func (c *Conf) Expect(a *iface.Attachment) (container, host []check.Expect, err error) {
	plan, err := newPlan(a.Result)
	if err != nil {
		return nil, nil, err
	}
	inside := a.Expect("veth")
	inside.Config = plan.container
	outside, err := a.ExpectPeer()
	outside.Config = plan.host
	err = plugin.Join(err, c.masquerade.Check(a.Attachment, a.Networks()))
	return []check.Expect{inside}, []check.Expect{outside}, err
}

// Remove deletes the pair, with which addresses and routes go, and the
// masquerade, whether or not the configuration still asks for one.
func (c *Conf) Remove(a *iface.Attachment) error {
	return records.Remove(a.Host, a.Container, a.Attachment)
}

// Former finds by the records under which name the network was when it made the pair.
func (c *Conf) Former(a owner.Attachment) (owner.Attachment, error) { return records.Former(a) }

// Collect does the same for the network's attachments that are not valid.
func (c *Conf) Collect(host *link.Namespace, network string, valid []owner.Attachment) error {
	return records.Collect(host, network, valid)
}

// Available returns what masquerading would miss.
func (c *Conf) Available(*link.Namespace) error { return c.masquerade.Available() }
