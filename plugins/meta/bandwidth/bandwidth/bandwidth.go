// Package bandwidth is the plugin that limits the rates at which a container
// receives and sends, by the kernel's traffic control.
package bandwidth

import (
	"cmp"
	_ "embed" // for help and schema

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// Plugin is the bandwidth plugin. Like upstream's it knows no version of the
// specification before 0.3.0: those have no interfaces in their results.
//
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = chained.Kind{
	Name:      "bandwidth",
	Versions:  version.PluginSupports("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"),
	NewDriver: func() chained.Driver { return new(Conf) },
	Unchained: "must be called as chained plugin",
	Unchecked: "must be called as a chained plugin",
}.Plugin().WithAbout(&help, &schema).With("downgrade", downgrade).WithHoldings(holdings)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// Add shapes the interface, and tells of the device for that in the result.
func (c *Conf) Add(a *chained.Attachment) error {
	if c.ingress == nil && c.egress == nil {
		return c.Remove(a) // what an earlier ADD has limited
	}
	return at(a, func(host, container *link.Namespace) error {
		s, err := find(host, container, a)
		if err != nil {
			return err
		}
		old, err := devices(s.Namespace, a.Attachment)
		if err != nil {
			return err
		}
		a.Undo(func() error { return c.Remove(a) })
		s.note(a.Attachment).write()
		if err := s.clear(old); err != nil {
			return err
		}
		device, err := c.shape(s, a.Attachment)
		if err != nil || device == nil {
			return err
		}
		a.Result.Interfaces = append(a.Result.Interfaces, &current.Interface{
			Name: device.Attrs().Name, Mac: device.Attrs().HardwareAddr.String(), Sandbox: s.sandbox,
		})
		return nil
	})
}

// at runs f with the namespaces of the host and the container.
func at(a *chained.Attachment, f func(host, container *link.Namespace) error) error {
	host, err := link.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	container, err := link.Open(a.Args.Netns)
	if err != nil {
		return err
	}
	defer container.Close()
	return f(host, container)
}

// Check compares the limits, and the way to them.
func (c *Conf) Check(a *chained.Attachment) error {
	if c.ingress == nil && c.egress == nil {
		return nil
	}
	return at(a, func(host, container *link.Namespace) error {
		s, err := find(host, container, a)
		if err != nil {
			return err
		}
		leaves, arrives := c.buckets(s)
		var errs []error
		if leaves != nil {
			errs = append(errs, leaves.checkLeaving(s.Namespace, s.link))
		}
		if arrives != nil {
			err := arrives.checkArrivals(s, a.Attachment)
			if err != nil && s.sandbox == "" && arrives.isInside(container, a.IfName) {
				err = nil
			}
			errs = append(errs, err)
		}
		return plugin.Join(errs...)
	})
}

// Available returns what the kernel lacks for limits of the network's own. Those of
// the runtime are what some attachments ask for; and a limit in one direction alone
// needs a device at some kinds of interfaces only.
func (c *Conf) Available() error {
	limit := cmp.Or(c.ingress, c.egress)
	if limit == nil {
		return nil
	}
	some := newBucket(1, 1, 1)
	some.discipline, some.scope = limit.discipline, limit.scope
	if c.ingress == nil || c.egress == nil {
		return record.Able(some.takes("tbf"), Conf{ingress: some}.try)
	}
	host, err := link.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	if err := host.Supports(ifbKind); err != nil {
		return err
	}
	return record.Able(some.takes("tbf-ifb"), Conf{ingress: some, egress: some}.try)
}

// takes is the name of what a limit takes of the kernel.
func (b *bucket) takes(name string) string {
	if b.discipline != "" {
		name += "-" + string(b.discipline)
	}
	if !b.scope.isAll() {
		name += "-subnets"
	}
	return name
}

// try shapes an interface in a namespace of its own: that the kernel has what it
// takes, or can load it, shows in nothing else.
func (c Conf) try() error {
	temp, err := ns.TempNetNS()
	if err != nil {
		return err
	}
	n, err := link.At(temp)
	if err != nil {
		return err
	}
	defer n.Close()
	lo, err := n.LinkByIndex(loopback)
	if err != nil {
		return err
	}
	_, err = c.shape(&site{Namespace: n, link: lo}, owner.Attachment{})
	return err
}

// loopback is the index of the interface that each namespace has.
const loopback = 1
