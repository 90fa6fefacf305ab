package iface

import (
	"errors"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/hostlink"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

// Reachable is a Child that the host may reach by an interface of its own.
type Reachable struct {
	Child
	// HostInterface makes an interface of the host by which that reaches the container, true
	// with a name and addresses that the plugin chooses. Default: false.
	HostInterface hostlink.Conf `json:"hostInterface"`
	// HostMode is the mode of an ipvlan of the host.
	HostMode netlink.IPVlanMode `json:"-"`
}

// Validate checks the bounds that do not depend on the master. isOpen says that interfaces
// in the configured mode reach each other.
func (c *Reachable) Validate(isOpen bool) error {
	switch {
	case c.HostInterface.Wanted && c.LinkInContainer:
		return errors.New("hostInterface needs a master of the host, which linkInContainer is not about")
	case c.HostInterface.Wanted && !isOpen:
		return errors.New("hostInterface needs a mode or flag bridge, in which interfaces on one master reach each other")
	}
	if err := c.HostInterface.Validate(); err != nil {
		return err
	}
	return c.Child.Validate()
}

// Configure is Child's, and then makes the host reach the container.
func (c *Reachable) Configure(a *Attachment) error {
	if err := c.Child.Configure(a); err != nil || !c.HostInterface.Wanted {
		return err
	}
	reach, err := c.HostInterface.New(a.Host, a.Attachment, c.Kind, c.onto, a.Networks())
	if err != nil {
		return plugin.Errorf(types.ErrInvalidNetworkConfig, "%w", err)
	}
	reach.Mode, reach.MAC = c.HostMode, a.Link().Attrs().HardwareAddr.String()
	if reach.Sandbox, err = sandbox.Of(a.Args.Netns, a.IfName); err != nil && !ns.IsGone(err) {
		return err
	}
	a.Undo(func() error { return hostlink.Del(a.Host, a.Attachment) })
	return reach.Add(a.Host)
}

// ExpectChild describes the host's interface, too.
func (c *Reachable) ExpectChild(a *Attachment, l netlink.Link) (container, host []check.Expect, err error) {
	container, host, err = c.Child.ExpectChild(a, l)
	if !c.HostInterface.Wanted {
		return container, host, err
	}
	reach, unknown := hostlink.Of(a.Attachment)
	if reach == nil && unknown == nil {
		unknown = errors.New("the container was added without hostInterface")
	}
	if unknown != nil {
		return container, host, plugin.Join(err, unknown)
	}
	expected := check.Expect{Name: reach.Link, Kind: c.Kind}
	expected.Addrs, expected.Routes = reach.Own(), reach.Routes()
	return container, append(host, expected), plugin.Join(err, reach.Differences(a.Host))
}

// Remove deletes the interface, and with the last one the host's.
func (c *Reachable) Remove(a *Attachment) error {
	return plugin.Join(c.Child.Remove(a), hostlink.Del(a.Host, a.Attachment))
}

// Former finds by the records of the host's interface under which name the network was.
func (c *Reachable) Former(a owner.Attachment) (owner.Attachment, error) { return hostlink.Former(a) }

// Collect removes what lets the host reach attachments that are not valid.
func (c *Reachable) Collect(host *link.Namespace, network string, valid []owner.Attachment) error {
	return hostlink.Collect(host, network, valid)
}

// Available looks for the driver and the master, and whether the name of the host's
// interface is free for it.
func (c *Reachable) Available(host *link.Namespace) error {
	if err := c.Child.Available(host); err != nil || !c.HostInterface.Wanted {
		return err
	}
	return c.HostInterface.Available(host, c.Kind, c.onto.Attrs().Name)
}
