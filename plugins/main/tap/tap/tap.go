// Package tap gives a container an interface whose other end is a process of it,
// as that of a virtual machine.
package tap

import (
	_ "embed" // for help and schema
	"fmt"
	"strconv"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Plugin answers the verbs for tap.
//
//schema:args MAC hardware address of the container's interface, which overrides the key mac. Other keys need IgnoreUnknown=true.
var Plugin = iface.New("tap", func() iface.Driver { return new(Conf) }).WithAbout(&help, &schema).With(createCommand, create)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// Create makes the tap and connects it to the bridge.
func (c *Conf) Create(a *iface.Attachment) error {
	mac, err := iface.RequestedMAC(a.Args.Args, c.MAC, c.RuntimeConfig.MAC)
	if err != nil {
		return err
	}
	if err := c.CheckIPv6(a, c.MTU); err != nil {
		return err
	}
	tap := link.Tap{Name: a.IfName, MultiQueue: c.MultiQueue, Owner: c.Owner, Group: c.Group, MTU: c.MTU, MAC: mac}
	if c.SELinuxContext != "" {
		err = createAs(c.SELinuxContext, a.Container, tap, a.Attachment)
	} else {
		err = a.Container.AddTap(tap, a.Attachment)
	}
	if err != nil {
		return err
	}
	a.Undo(func() error { return c.Remove(a) })
	made, err := a.Container.LinkByName(a.IfName)
	if err != nil {
		return fmt.Errorf("failed to lookup %q: %w", a.IfName, err)
	}
	if err := c.connect(a.Container, made); err != nil {
		return err
	}
	a.Report(made)
	return c.Prepare(a, c.HasIPAM())
}

// connect makes the tap a port of the bridge.
func (c *Conf) connect(n *link.Namespace, tap netlink.Link) error {
	if c.Bridge == "" {
		return nil
	}
	bridge, err := n.Bridge(c.Bridge)
	if err != nil {
		return fmt.Errorf("failed to get bridge %s: %w", c.Bridge, err)
	}
	if err := n.LinkSetMaster(tap, bridge); err != nil {
		return fmt.Errorf("failed to set tap %s as a port of bridge %s: %w", tap.Attrs().Name, c.Bridge, err)
	}
	return nil
}

// Expect describes the tap.
func (c *Conf) Expect(a *iface.Attachment) (container, host []check.Expect, err error) {
	expected := c.ExpectInterface(a, link.TapKind)
	expected.Options = map[string]string{"tap": "on", "multi_queue": "off"}
	if c.MultiQueue {
		expected.Options["multi_queue"] = "on"
	}
	if c.Owner != nil {
		expected.Options["user"] = strconv.FormatUint(uint64(*c.Owner), 10)
	}
	if c.Group != nil {
		expected.Options["group"] = strconv.FormatUint(uint64(*c.Group), 10)
	}
	if c.MTU != 0 {
		expected.MTU = c.MTU
	}
	if c.Bridge != "" {
		expected.Port = &check.Port{Bridge: c.Bridge}
	}
	return []check.Expect{expected}, nil, nil
}

// Remove deletes the tap, with which addresses and routes go. One without tag may
// be upstream's, if the runtime has a result of its ADD, or somebody else's, that
// kept an ADD from making its own.
func (c *Conf) Remove(a *iface.Attachment) error {
	if a.Container == nil {
		return nil
	}
	if result, err := plugin.PrevResult(a.Args.StdinData); err == nil && result != nil {
		return a.Delete(link.TapKind)
	}
	return a.Container.DeleteTagged(a.Attachment)
}

// Available looks whether taps can be made.
func (c *Conf) Available(*link.Namespace) error { return link.SupportsTap() }
