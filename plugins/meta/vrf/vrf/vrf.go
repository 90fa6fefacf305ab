// Package vrf is the plugin that puts the container's interface into a VRF, a
// routing domain of its own in the container's namespace.
package vrf

import (
	_ "embed" // for help and schema
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/version"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/routing"
)

// Plugin answers the verbs for vrf. Like upstream's it knows no version of the
// specification before 0.3.1.
//
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = chained.Kind{
	Name:      "vrf",
	Versions:  version.PluginSupports("0.3.1", "0.4.0", "1.0.0", "1.1.0"),
	NewDriver: func() chained.Driver { return new(Conf) },
	Unchained: "missing prevResult from earlier plugin",
}.Plugin().WithAbout(&help, &schema).With("downgrade", records.Downgrade).WithHoldings(records.Holdings)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

const records = routing.Records("vrf")

// Add makes the VRF, if it is missing, and moves the interface into it with its
// addresses and routes.
func (c *Conf) Add(a *chained.Attachment) error {
	return routing.Within(a.Args.Netns, func(n *link.Namespace) error {
		m, err := c.plan(n, a.Attachment)
		if m == nil || err != nil {
			return err
		}
		a.Undo(func() error {
			return routing.Within(a.Args.Netns, func(n *link.Namespace) error {
				_, err := leaveRecorded(n, a.Attachment)
				return err
			})
		})
		if err := records.Write(a.Attachment, m); err != nil {
			return err
		}
		return m.enter(a.Context, n, a.IfName)
	})
}

// plan returns what Add has to do, or nil if that was done by somebody else. An ADD
// before this one that no DEL has followed is completed, or taken back.
func (c *Conf) plan(n *link.Namespace, a owner.Attachment) (*membership, error) {
	vrf, err := c.find(n)
	if err != nil {
		return nil, err
	}
	l, err := find(n, a.IfName)
	if err != nil {
		return nil, err
	}
	var m membership
	found, err := records.Read(n, a, &m)
	if err != nil {
		return nil, err
	}
	if found && m.IsAbout(l) && m.isOf(c, vrf) {
		return &m, nil
	}
	if found, err = leaveRecorded(n, a); err != nil {
		return nil, err
	}
	if found { // and it may have been the last one in the VRF
		if vrf, err = c.find(n); err != nil {
			return nil, err
		}
		if l, err = find(n, a.IfName); err != nil {
			return nil, err
		}
	}
	switch master := l.Attrs().MasterIndex; {
	case master == 0:
		return c.join(n, l, vrf, a)
	case vrf != nil && vrf.Index == master:
		return nil, nil
	default:
		return nil, fmt.Errorf("interface %s has already a master set: %s", a.IfName, nameOf(n, master))
	}
}

// find returns the VRF, or nil if there is none.
func (c *Conf) find(n *link.Namespace) (*netlink.Vrf, error) {
	l, err := n.LinkByName(c.VRFName)
	if link.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look %q up: %w", c.VRFName, err)
	}
	vrf, ok := l.(*netlink.Vrf)
	if !ok {
		//lint:ignore ST1005 consumers match upstream's text
		return nil, fmt.Errorf("Netlink %s is not a VRF", c.VRFName)
	}
	if c.Table != 0 && vrf.Table != c.Table {
		return nil, fmt.Errorf("VRF %s already exist with different routing table %d", c.VRFName, vrf.Table)
	}
	return vrf, nil
}

// find returns the container's interface.
func find(n *link.Namespace, name string) (netlink.Link, error) {
	l, err := n.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("could not get link by name %s: %w", name, err)
	}
	return l, nil
}

// nameOf returns the name of a link, for people.
func nameOf(n *link.Namespace, index int) string {
	l, err := n.LinkByIndex(index)
	if err != nil {
		return fmt.Sprint("number ", index)
	}
	return l.Attrs().Name
}

// Check compares the VRF, the addresses of the result, and the routes that Add
// moved, with what there is.
func (c *Conf) Check(a *chained.Attachment) error {
	n, err := link.Open(a.Args.Netns)
	if err != nil {
		return err
	}
	defer n.Close()
	vrf, err := c.find(n)
	if err != nil {
		return err
	}
	if vrf == nil {
		return fmt.Errorf("VRF %s is missing: Link not found", c.VRFName)
	}
	l, err := find(n, a.IfName)
	if err != nil {
		return err
	}
	var errs []error
	if vrf.Flags&net.FlagUp == 0 {
		errs = append(errs, fmt.Errorf("VRF %s is down", c.VRFName))
	}
	if l.Attrs().MasterIndex != vrf.Index {
		errs = append(errs, fmt.Errorf("failed to find %s associated to vrf %s", a.IfName, c.VRFName))
	}
	expected := check.Expect{Name: a.IfName, Down: true}
	for _, ip := range a.IPs() {
		expected.Addrs = append(expected.Addrs, netlink.Addr{IPNet: &ip.Address})
	}
	errs = append(errs, expected.Compare(n))
	var m membership
	found, err := records.Read(n, a.Attachment, &m)
	if err == nil && found && m.IsAbout(l) {
		var view routing.View
		if view, err = routing.Look(n); err == nil {
			errs = append(errs, m.Change.Missing(view)...)
		}
	}
	return plugin.Join(append(errs, err)...)
}

// Remove takes the interface out of the VRF, and the VRF away with the last one.
// Both are gone with the container's namespace.
func (c *Conf) Remove(a *chained.Attachment) error {
	return records.Release(a.Args.Netns, a.Attachment, func(n *link.Namespace, known owner.Attachment) error {
		found, err := leaveRecorded(n, known)
		if err != nil || found {
			return err
		}
		return c.removeUnrecorded(n, a.IfName)
	})
}

// removeUnrecorded does for an interface that upstream's plugin moved what Remove
// does.
func (c *Conf) removeUnrecorded(n *link.Namespace, name string) error {
	l, err := n.LinkByName(c.VRFName)
	if c.VRFName == "" || link.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look %q up: %w", c.VRFName, err)
	}
	vrf, ok := l.(*netlink.Vrf)
	if !ok {
		return nil
	}
	member, err := n.LinkByName(name)
	if err != nil && !link.IsNotFound(err) {
		return fmt.Errorf("look %q up: %w", name, err)
	}
	if err != nil || member.Attrs().MasterIndex != vrf.Index {
		return removeEmpty(n, vrf, false)
	}
	m, err := existing(n, member, vrf)
	switch {
	case err == nil:
		return m.leave(n, name)
	case !n.IsGone(member):
		return err
	}
	return removeEmpty(n, vrf, false)
}

// Collect does what Remove does by the records, where that is not gone with the container.
func (c *Conf) Collect(network string, valid []owner.Attachment) error {
	return records.Collect(network, valid, func(n *link.Namespace, a owner.Attachment) error {
		_, err := leaveRecorded(n, a)
		return err
	})
}

// Available asks for the driver, and for a place for records.
func (c *Conf) Available() error {
	n, err := link.Host()
	if err != nil {
		return err
	}
	defer n.Close()
	if err := n.Supports("vrf"); err != nil {
		return err
	}
	return records.Writable()
}
