// Package dummy gives a container an interface that leads nowhere: its addresses
// work within the container, and what is sent through it is dropped.
package dummy

import (
	_ "embed" // for help and schema

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
)

// kind is the kernel's name of the driver.
const kind = "dummy"

// Plugin answers the verbs for dummy.
var Plugin = iface.New("dummy", func() iface.Driver { return new(Conf) }).WithAbout(&help, &schema)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// Create makes the interface.
func (c *Conf) Create(a *iface.Attachment) error {
	if err := c.CheckIPv6(a, c.MTU); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = a.IfName, c.MTU, c.mac
	c.Queues.Set(&attrs)
	made, err := a.Container.AddOwned(&netlink.Dummy{LinkAttrs: attrs}, a.Attachment)
	if err != nil {
		return err
	}
	a.Undo(func() error { return a.Container.Delete(a.IfName, kind) })
	a.Report(made)
	return c.Prepare(a, c.HasIPAM())
}

// Expect describes the interface.
func (c *Conf) Expect(a *iface.Attachment) (container, host []check.Expect, err error) {
	expected := c.ExpectInterface(a, kind)
	expected.TxQueues, expected.RxQueues = c.NumTxQueues, c.NumRxQueues
	return []check.Expect{expected}, nil, nil
}

// Remove deletes the interface, with which addresses and routes go.
func (c *Conf) Remove(a *iface.Attachment) error { return a.Delete(kind) }

// Available looks for the driver.
func (c *Conf) Available(host *link.Namespace) error { return host.Supports(kind) }
