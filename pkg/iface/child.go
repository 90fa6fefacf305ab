package iface

import (
	"cmp"
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Child is how plugins make an interface on another one, its master. A Driver
// embeds it in place of Conf.
type Child struct {
	Conf
	Endpoint
	Queues
	// Kind of the interface, "macvlan".
	Kind string `json:"-"`
	// OnlyIfUp says that the kernel sets such an interface up only if its master
	// is.
	OnlyIfUp bool `json:"-"`
	// Master is the name of the interface below. Default: that of the default
	// route.
	Master string `json:"master"`
	// MTU in bytes, 68 to the master's. IPv6 needs 1280. Default: 0, the master's.
	//
	//schema:value {"type": "integer", "anyOf": [{"const": 0}, {"minimum": 68}]}
	MTU int `json:"mtu"`
	// LinkInContainer says that the master is in the container's namespace, not the host's.
	LinkInContainer bool `json:"linkInContainer"`

	onto netlink.Link // the master that Make or Available found
}

// Validate checks the bounds that do not depend on the master.
func (c *Child) Validate() error {
	if 0 < c.MTU && c.MTU < minMTU {
		return fmt.Errorf("invalid MTU %d, must be 0 or at least %d", c.MTU, minMTU)
	}
	return c.Queues.Validate()
}

// Make makes and reports the interface that l describes, completed by what all
// kinds have in common, and registers what removes it. It gets addresses by IPAM
// or, as the result has them already, from the plugin before.
func (c *Child) Make(a *Attachment, l netlink.Link) error {
	at := c.place(a)
	master, err := c.master(at)
	if err != nil {
		return err
	}
	c.onto = master
	if err := c.CheckIPv6(a, cmp.Or(c.MTU, master.Attrs().MTU)); err != nil {
		return err
	}
	attrs := l.Attrs()
	attrs.Name, attrs.ParentIndex, attrs.MTU = a.IfName, master.Attrs().Index, c.MTU
	attrs.TxQLen = -1
	c.Queues.Set(attrs)
	made, err := c.add(a, at, l)
	if err != nil {
		return c.explain(at, master, l, err)
	}
	a.Undo(func() error { return a.Container.Delete(a.IfName, c.Kind) })
	if err := a.Container.Own(made, a.Attachment); err != nil {
		return err
	}
	a.Report(made)
	return c.Prepare(a, c.HasIPAM() || len(a.Result.IPs) > 0)
}

// add leaves a name that is taken to AddChild, as nothing would free that.
func (c *Child) add(a *Attachment, at *link.Namespace, l netlink.Link) (made netlink.Link, err error) {
	step := func() error {
		made, err = at.AddChild(a.Container, l)
		return err
	}
	if a.Container.Lacks(a.IfName) {
		err = at.WhenFree(a.Context, step)
	} else {
		err = step()
	}
	return made, err
}

// Configure is the Endpoint's, for which others on the same master must leave free
// what they had.
func (c *Child) Configure(a *Attachment) error {
	return c.setUp().ApplyOn(a, c.place(a), c.setUp().Config(a.Result))
}

// place is the namespace of the master.
func (c *Child) place(a *Attachment) *link.Namespace {
	if c.LinkInContainer {
		return a.Container
	}
	return a.Host
}

// master looks the interface below up, and whether its MTU suffices.
func (c *Child) master(at *link.Namespace) (master netlink.Link, err error) {
	if c.Master == "" {
		master, err = at.DefaultRouteLink()
	} else if master, err = at.LinkByName(c.Master); err != nil {
		err = fmt.Errorf("failed to lookup master %q: %w", c.Master, err)
	}
	if err != nil {
		return nil, err
	}
	if most := master.Attrs().MTU; c.MTU < 0 || c.MTU > most {
		return nil, plugin.Errorf(types.ErrInvalidNetworkConfig, "invalid MTU %d, must be [0, master MTU(%d)]", c.MTU, most)
	}
	if c.OnlyIfUp && master.Attrs().Flags&net.FlagUp == 0 {
		return nil, fmt.Errorf("master %q: %w", c.Master, unix.ENETDOWN)
	}
	return master, nil
}

// ExpectChild describes the interface, with the options that l has. It names the
// master if the configuration does: the default route may be another one by now.
func (c *Child) ExpectChild(a *Attachment, l netlink.Link) (container, host []check.Expect, err error) {
	expected := c.ExpectInterface(a, c.Kind)
	expected.Options = link.Options(l)
	expected.TxQueues, expected.RxQueues = c.NumTxQueues, c.NumRxQueues
	if c.MTU != 0 {
		expected.MTU = c.MTU
	}
	if c.Master != "" {
		expected.Master, err = c.expectMaster(a)
	}
	return []check.Expect{expected}, nil, err
}

func (c *Child) expectMaster(a *Attachment) (*check.Master, error) {
	master, err := c.master(c.place(a))
	if err != nil {
		return nil, err
	}
	lower, err := a.Container.Below(c.place(a), master, c.Kind)
	return &check.Master{Name: c.Master, Lower: lower}, err
}

// Remove deletes the interface, with which addresses and routes go.
func (c *Child) Remove(a *Attachment) error { return a.Delete(c.Kind) }

// Available looks for the driver and, on the host, for the master.
func (c *Child) Available(host *link.Namespace) (err error) {
	if err := host.Supports(c.Kind); err != nil || c.LinkInContainer {
		return err
	}
	c.onto, err = c.master(host)
	return err
}
