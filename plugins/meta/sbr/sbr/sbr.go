// Package sbr is the plugin for source-based routing: what comes from an address of
// the container's interface leaves through that interface, whatever other ones the
// container has.
package sbr

import (
	_ "embed" // for help and schema
	"fmt"
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/routing"
)

// Plugin answers the verbs for sbr.
//
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = chained.Kind{
	Name:      "sbr",
	NewDriver: func() chained.Driver { return new(Conf) },
	Unchained: "This plugin must be called as chained plugin",
}.Plugin().WithAbout(&help, &schema).With("downgrade", records.Downgrade).WithHoldings(records.Holdings)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

const records = routing.Records("sbr")

// noted is what Add records.
type noted struct {
	routing.Record
	// Shared is whether the table is a configured one, in which others have routes.
	Shared bool `json:"shared,omitempty"`
}

// Add gives the addresses their rules and tables.
func (c *Conf) Add(a *chained.Attachment) error {
	sources, err := sourcesOf(a)
	if err != nil {
		return err
	}
	return routing.Within(a.Args.Netns, func(n *link.Namespace) error {
		l, err := find(n, a.IfName)
		if err != nil {
			return err
		}
		// An ADD before this one that no DEL has followed.
		if _, err := revertRecorded(n, a.Attachment); err != nil {
			return err
		}
		r := noted{Shared: c.Table != nil}
		if r.Record, err = routing.NewRecord(n, l, a.Attachment); err != nil {
			return err
		}
		if r.Change, err = c.change(n, l, sources, a.Result.Routes); err != nil {
			return err
		}
		a.Undo(func() error {
			return routing.Within(a.Args.Netns, func(n *link.Namespace) error {
				_, err := revertRecorded(n, a.Attachment)
				return err
			})
		})
		if err := records.Write(a.Attachment, r); err != nil {
			return err
		}
		return r.Change.Apply(n)
	})
}

// sourcesOf returns the addresses that are to have rules, of which there is one at
// least.
func sourcesOf(a *chained.Attachment) ([]source, error) {
	all, err := sources(a.IPs())
	if err == nil && len(all) == 0 {
		//lint:ignore ST1005 consumers match upstream's text
		err = fmt.Errorf("No IP addresses supplied on interface: %s", a.IfName)
	}
	return all, err
}

// find returns the interface.
func find(n *link.Namespace, name string) (netlink.Link, error) {
	l, err := n.LinkByName(name)
	if err != nil {
		//lint:ignore ST1005 consumers match upstream's text
		return nil, fmt.Errorf("Cannot find network interface %s: %w", name, err)
	}
	return l, nil
}

// change returns what Add has to do.
func (c *Conf) change(n *link.Namespace, l netlink.Link, sources []source, routes []*types.Route) (routing.Change, error) {
	p := &plan{Conf: c, index: l.Attrs().Index, sources: sources, routes: routes}
	if c.Table == nil || len(c.gateways)+len(c.subnets) > 0 {
		var err error
		if p.view, err = routing.Look(n); err != nil {
			return routing.Change{}, err
		}
	}
	return p.make()
}

// Check compares rules and tables with what Add made. What upstream's ADD made has
// no record: then each address must have a rule.
func (c *Conf) Check(a *chained.Attachment) error {
	sources, err := sourcesOf(a)
	if err != nil {
		return err
	}
	n, err := link.Open(a.Args.Netns)
	if err != nil {
		return err
	}
	defer n.Close()
	l, err := find(n, a.IfName)
	if err != nil {
		return err
	}
	var r noted
	found, err := records.Read(n, a.Attachment, &r)
	if err != nil {
		return err
	}
	view, err := routing.Look(n)
	if err != nil {
		return err
	}
	var errs []error
	if found && r.IsAbout(l) {
		errs = r.Change.Missing(view)
	}
	for _, s := range sources {
		if !slices.ContainsFunc(view.Rules, c.isFor(host(s))) {
			errs = append(errs, fmt.Errorf("no rule for address %v of interface %s", s.Addr(), a.IfName))
		}
	}
	return plugin.Join(errs...)
}

// isFor returns whether a rule is for an address and, with a configured table,
// leads there.
func (c *Conf) isFor(address *net.IPNet) func(netlink.Rule) bool {
	return func(r netlink.Rule) bool {
		return ip.SameNet(r.Src, address) && (c.Table == nil || r.Table == *c.Table)
	}
}

// Remove takes back what the record says, or what upstream's ADD made. All of it is
// gone with the container's namespace.
func (c *Conf) Remove(a *chained.Attachment) error {
	return records.Release(a.Args.Netns, a.Attachment, func(n *link.Namespace, known owner.Attachment) error {
		found, err := revertRecorded(n, known)
		if err != nil || found {
			return err
		}
		return c.removeUnrecorded(n, a.IfName)
	})
}

// Collect takes back what the records say, where that is not gone with the container.
func (c *Conf) Collect(network string, valid []owner.Attachment) error {
	return records.Collect(network, valid, func(n *link.Namespace, a owner.Attachment) error {
		_, err := revertRecorded(n, a)
		return err
	})
}

// Available asks for rules, which a kernel may lack, and for a place for records.
func (c *Conf) Available() error {
	if err := record.Able("rules", listRules); err != nil {
		return err
	}
	return records.Writable()
}

func listRules() error {
	n, err := link.Host()
	if err != nil {
		return err
	}
	defer n.Close()
	if _, err := n.RuleList(netlink.FAMILY_V4); err != nil {
		return fmt.Errorf("list rules: %w", err)
	}
	return nil
}

// revertRecorded takes back what the record says, and removes it.
func revertRecorded(n *link.Namespace, a owner.Attachment) (found bool, err error) {
	var r noted
	if found, err = records.Read(n, a, &r); err != nil {
		return false, err
	}
	if found {
		change, err := remaining(n, r, a.IfName)
		if err != nil {
			return true, err
		}
		if err := change.Revert(n); err != nil {
			return true, err
		}
	}
	return found, records.Remove(a)
}

// remaining is the change that is to be taken back. Routes went with the interface,
// if that is gone; what somebody has put into the plugin's tables is to go with
// these.
func remaining(n *link.Namespace, r noted, name string) (routing.Change, error) {
	l, err := n.LinkByName(name)
	if err != nil && !link.IsNotFound(err) {
		return routing.Change{}, fmt.Errorf("look %q up: %w", name, err)
	}
	change := r.Change
	if !r.IsAbout(l) {
		change = routing.Change{Rules: change.Rules}
	}
	if r.Shared || len(r.Change.Routes) == 0 {
		return change, nil
	}
	view, err := routing.Look(n)
	if err != nil {
		return routing.Change{}, err
	}
	for _, route := range view.Routes {
		own := func(ours routing.Route) bool { return ours.Table == route.Table && ours.Table != unix.RT_TABLE_MAIN }
		if slices.ContainsFunc(r.Change.Routes, own) {
			change.Routes = append(change.Routes, routing.Route(route))
		}
	}
	return change, nil
}

// removeUnrecorded deletes the rules from the interface's addresses, as upstream
// does, with a configured table only those that lead there. The interface's routes
// in other tables go back to the main one, but for default routes where that has
// one.
func (c *Conf) removeUnrecorded(n *link.Namespace, name string) error {
	l, err := n.LinkByName(name)
	if link.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look %q up: %w", name, err)
	}
	networks, err := n.Networks(l)
	if link.IsNotFound(err) {
		return nil // gone meanwhile
	}
	if err != nil {
		return err
	}
	view, err := routing.Look(n)
	if err != nil {
		return err
	}
	var change routing.Change
	for _, network := range networks {
		isFor := c.isFor(ip.HostNet(network.IP))
		for _, r := range view.Rules {
			if isFor(r) {
				change.Rules = append(change.Rules, routing.Rule{Src: r.Src, Table: r.Table, Protocol: r.Protocol})
				if c.Table == nil {
					moveBack(view, l.Attrs().Index, r.Table, &change)
				}
			}
		}
	}
	return change.Revert(n)
}

// moveBack lets the revertal of the change move the interface's routes in a table
// to the main one.
func moveBack(view routing.View, index, table int, change *routing.Change) {
	if table < firstTable || table == unix.RT_TABLE_MAIN || table == unix.RT_TABLE_LOCAL || table == unix.RT_TABLE_DEFAULT {
		return
	}
	own, share := view.Share(index, table)
	change.Routes = append(change.Routes, share.Gone...)
	for _, r := range own {
		r.Table = unix.RT_TABLE_MAIN
		if !ip.IsIPNetZero(r.Dst) || !hasRoute(view, unix.RT_TABLE_MAIN, r.Dst) {
			change.Gone = append(change.Gone, routing.Route(r))
		}
	}
}

// hasRoute reports whether a table has a way to a destination.
func hasRoute(view routing.View, table int, dst *net.IPNet) bool {
	return slices.ContainsFunc(view.Routes, func(r netlink.Route) bool {
		return r.Table == table && r.Type == unix.RTN_UNICAST && r.Dst.String() == dst.String()
	})
}
