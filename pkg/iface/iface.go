// Package iface is the pipeline of the plugins that make an interface: what
// their verbs have in common exists here once. A plugin adds a Driver, which
// says what its own kind of interface needs.
package iface

import (
	"context"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/ipam"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Driver is the network configuration of one plugin and what it does with it.
// By embedding Conf it gets the keys that all have, and the methods that do
// what most need.
type Driver interface {
	base() *Conf

	// Validate checks and completes the plugin's keys, without a look at the
	// kernel. Its errors say which key is wrong.
	Validate() error
	// Create makes the interface, registers with a.Undo what removes it, and
	// reports it with a.Report.
	Create(a *Attachment) error
	// Configure puts addresses and routes of a.Result into place; without IPAM
	// there are none, and it only sets the interface up. It registers with
	// a.Undo what takes back changes outside the interface.
	Configure(a *Attachment) error
	// Expect returns what CHECK compares: the container's interface and those
	// on the host. a.Result is the result of the ADD. Differences in what is no
	// interface are its error.
	Expect(a *Attachment) (container, host []check.Expect, err error)
	// Remove removes what Create and Configure made, as far as it is there. It
	// must not rely on a.Container, nor on a valid configuration.
	Remove(a *Attachment) error
	// Collect removes what attachments of the network left on the host, unless
	// they are among the valid ones.
	Collect(host *link.Namespace, network string, valid []owner.Attachment) error
	// Available returns what Create or Configure would miss on this node.
	Available(host *link.Namespace) error
}

// Attachment is the interface that a verb is about.
type Attachment struct {
	owner.Attachment
	Args *plugin.CmdArgs
	// Host is the namespace of the plugin.
	Host *link.Namespace
	// Container is the namespace of the container; nil in DEL if it is gone.
	Container *link.Namespace
	// Result is being built in ADD, and is the prevResult in CHECK.
	Result *current.Result
	// Undo registers what takes a change back. In ADD only.
	Undo func(func() error)
	// Context ends when the process is told to terminate. In ADD only.
	Context context.Context
	// Addressed says that the interface gets addresses also where the IPAM plugin has
	// none for it. In ADD only.
	Addressed bool

	// link is the container's interface, and index its place in
	// Result.Interfaces.
	link  netlink.Link
	index int
	// holder is the IPAM plugin once it has given addresses, in ADD only.
	holder *ipam.Delegate
	// is11 says that the result is in version 1.1.0 or later.
	is11 bool
}

// open opens both namespaces. The caller closes the attachment.
func (c *Conf) open(args *plugin.CmdArgs) (*Attachment, error) {
	container, err := link.Open(args.Netns)
	if err != nil {
		return nil, plugin.Errorf(types.ErrInvalidNetNS, "%w", err)
	}
	host, err := link.Host()
	if err != nil {
		container.Close()
		return nil, err
	}
	a := &Attachment{
		Attachment: owner.Attachment{Network: c.Name, ContainerID: args.ContainerID, IfName: args.IfName},
		Args:       args,
		Host:       host,
		Container:  container,
		Result:     &current.Result{},
	}
	// The keys mtu and pciID came with version 1.1.0 of the specification.
	a.is11, _ = version.GreaterThanOrEqualTo(c.CNIVersion, "1.1.0")
	return a, nil
}

func (a *Attachment) close() {
	a.Host.Close()
	if a.Container != nil {
		a.Container.Close()
	}
}

// Link is the container's interface, once Create has reported it.
func (a *Attachment) Link() netlink.Link { return a.link }

// Networks returns the addresses of the result.
func (a *Attachment) Networks() []*net.IPNet {
	networks := make([]*net.IPNet, len(a.Result.IPs))
	for i, ip := range a.Result.IPs {
		networks[i] = &ip.Address
	}
	return networks
}

// ReportHost adds an interface of the host to the result.
func (a *Attachment) ReportHost(l netlink.Link) {
	reported := &current.Interface{Name: l.Attrs().Name, Mac: l.Attrs().HardwareAddr.String()}
	if a.is11 {
		reported.Mtu = l.Attrs().MTU
	}
	a.Result.Interfaces = append(a.Result.Interfaces, reported)
}

// Report adds the container's interface to the result: the one that the
// addresses belong to.
func (a *Attachment) Report(l netlink.Link) {
	a.link, a.index = l, len(a.Result.Interfaces)
	a.ReportHost(l)
	a.Result.Interfaces[a.index].Sandbox = a.Args.Netns
}

// ReportPCI adds the address of its PCI function to the container's interface in
// the result.
func (a *Attachment) ReportPCI(address string) {
	if a.is11 {
		a.Result.Interfaces[a.index].PciID = address
	}
}

// New returns the plugin called name, whose configuration newDriver makes
// empty.
func New(name string, newDriver func() Driver) plugin.Plugin {
	v := verbs{name, newDriver}
	return plugin.Plugin{
		Name:     name,
		Validate: v.validate,
		CNIFuncs: plugin.CNIFuncs{Add: v.add, Check: v.check, Del: v.del, GC: v.gc, Status: v.status},
	}
}

type verbs struct {
	name      string
	newDriver func() Driver
}
