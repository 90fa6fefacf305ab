// Package hostdevice moves a device of the host into the container, and back.
package hostdevice

import (
	_ "embed" // for help and schema
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/loan"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/sysfs"
)

// Plugin answers the verbs for host-device.
//
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = iface.New("host-device", func() iface.Driver { return new(Conf) }).WithAbout(&help, &schema).With("downgrade", loan.Downgrade).WithHoldings(loan.Holdings)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// Create moves the device into the container.
func (c *Conf) Create(a *iface.Attachment) error {
	parent, err := c.resolve()
	if err != nil {
		return err
	}
	if c.DPDKMode && c.UseInterfaceNetwork {
		return errors.New("useInterfaceNetwork is not supported for dpdk-bound devices")
	}
	if c.DPDKMode {
		a.Report(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: a.IfName}})
		return nil
	}
	device, err := c.findOrReclaim(a, parent)
	if err != nil {
		return fmt.Errorf("failed to find host device: %w", err)
	}
	if err := c.CheckIPv6(a, device.Attrs().MTU); err != nil {
		return err
	}
	l, err := c.lend(a, device)
	if err == nil && c.mac != nil {
		l, err = setMAC(a.Container, l, c.mac)
	}
	if err != nil {
		return err
	}
	a.Report(l)
	if parent.PCI != "" {
		a.ReportPCI(parent.PCI)
	}
	return c.Prepare(a, c.HasIPAM() || a.Addressed)
}

func (c *Conf) lend(a *iface.Attachment, device netlink.Link) (netlink.Link, error) {
	lent, err := loan.New(a.Host, device, a.Attachment, a.Args.Netns)
	if err != nil {
		return nil, err
	}
	if c.UseInterfaceNetwork {
		if err := lent.TakeNetwork(a.Host, a.Container, device); err != nil {
			return nil, err
		}
		c.taken, a.Addressed = lent.Network, true
	}
	a.Undo(func() error { return lent.End(a.Host, a.Container) })
	return lent.Begin(a.Host, a.Container)
}

// setMAC changes the hardware address, which the device gets back with the rest.
func setMAC(n *link.Namespace, l netlink.Link, mac net.HardwareAddr) (netlink.Link, error) {
	if err := n.LinkSetHardwareAddr(l, mac); err != nil {
		return nil, fmt.Errorf("set hardware address of %q: %w", l.Attrs().Name, err)
	}
	return n.LinkByIndex(l.Attrs().Index)
}

// Configure gives the device its addresses, unless a program in the container
// does.
func (c *Conf) Configure(a *iface.Attachment) error {
	if c.DPDKMode {
		return nil
	}
	if c.taken != nil {
		return c.configureTaken(a)
	}
	return c.Endpoint.Configure(a)
}

// Expect describes the device in the container.
func (c *Conf) Expect(a *iface.Attachment) (container, host []check.Expect, err error) {
	if _, err := c.resolve(); err != nil || c.DPDKMode {
		return nil, nil, err
	}
	loans, err := loan.To(a.Attachment)
	if err != nil {
		return nil, nil, err
	}
	if len(loans) == 0 {
		return []check.Expect{c.ExpectInterface(a, "")}, nil, compare(a.Link(), loans)
	}
	expected, errs := c.ExpectInterface(a, loans[0].Device.Kind), []error{compare(a.Link(), loans)}
	if taken := loans[0].Network; taken != nil {
		expected.Config = c.expectTaken(a.Result, taken)
		errs = append(errs, taken.MissingRules(a.Container)...)
	}
	return []check.Expect{expected}, nil, plugin.Join(errs...)
}

// compare tells if the container's interface, if it has one, is another one than
// ADD has moved there. Those that earlier releases have moved have the alias only.
func compare(l netlink.Link, loans []*loan.Loan) error {
	if l == nil {
		return nil
	}
	attrs := l.Attrs()
	same := func(l *loan.Loan) bool { return attrs.Index == l.Device.Index && attrs.Alias == l.Device.Name }
	switch {
	case len(loans) == 0 && attrs.Alias == "":
		return fmt.Errorf("interface %s is no device of the host: it has no alias", attrs.Name)
	case len(loans) > 0 && !slices.ContainsFunc(loans, same):
		return fmt.Errorf("interface %s with alias %q is not device %s of the host", attrs.Name, attrs.Alias, loans[0].Device.Name)
	}
	return nil
}

// Former finds by the loan under which name the network was when it got the device.
func (c *Conf) Former(a owner.Attachment) (owner.Attachment, error) { return loan.Former(a) }

// Remove brings the device back.
func (c *Conf) Remove(a *iface.Attachment) error {
	loans, err := loan.To(a.Attachment)
	if err != nil {
		return err
	}
	if len(loans) == 0 {
		return c.removeUnrecorded(a)
	}
	var errs []error
	for _, l := range loans {
		errs = append(errs, l.End(a.Host, a.Container))
	}
	return plugin.Join(errs...)
}

// removeUnrecorded brings the device back if upstream has moved one.
func (c *Conf) removeUnrecorded(a *iface.Attachment) error {
	if _, err := c.resolve(); err == nil && c.DPDKMode || a.Container == nil {
		return nil
	}
	return loan.EndUnrecorded(a.Host, a.Container, a.Attachment, c.means)
}

// Collect does the same for the network's attachments that are not valid.
func (c *Conf) Collect(host *link.Namespace, network string, valid []owner.Attachment) error {
	return loan.Collect(host, network, valid)
}

// Available looks whether there is such a device, be it in a container, and a place for its
// record.
func (c *Conf) Available(host *link.Namespace) error {
	if !c.hasSelector() {
		return nil // the runtime names it at ADD
	}
	parent, err := c.resolve()
	if err != nil || c.DPDKMode {
		return err
	}
	return plugin.Join(c.isThere(host, parent), loan.Writable())
}

// isThere returns an error if there is no such device.
func (c *Conf) isThere(host *link.Namespace, parent sysfs.Parent) error {
	_, missing := c.find(host, parent)
	// What is above a device in sysfs stays while that is away.
	if missing == nil || sysfs.Exists(parent.Path) || sysfs.Exists(c.KernelPath) {
		return nil
	}
	lent, err := loan.All()
	if slices.ContainsFunc(lent, c.means) {
		return nil
	}
	return plugin.Join(fmt.Errorf("failed to find host device: %w", missing), err)
}

// means reports whether a device that is away is the one.
func (c *Conf) means(l *loan.Loan) bool {
	if c.Device == "" {
		return c.HWAddr != "" && l.Device.MAC == c.hwAddr.String()
	}
	return l.Device.Name == c.Device || slices.Contains(l.Device.AltNames, c.Device)
}
