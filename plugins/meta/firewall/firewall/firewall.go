// Package firewall is the plugin that lets the traffic of containers through the
// host's firewall and, if asked to, keeps containers of different bridges apart.
package firewall

import (
	_ "embed" // for help and schema
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

const unchained = "missing prevResult from earlier plugin"

// Plugin is the firewall plugin. Like upstream's it knows no version of the
// specification before 0.4.0.
//
//schema:command repair makes again what was flushed of the packet filter, for containers that have it by the records in /run/cni.
//schema:command downgrade gives what running containers have the form of containernetworking/plugins, before a way back to that.
var Plugin = chained.Kind{
	Name:      "firewall",
	Versions:  version.PluginSupports("0.4.0", "1.0.0", "1.1.0"),
	NewDriver: func() chained.Driver { return &Conf{} },
	Unchained: unchained,
	Unchecked: unchained,
}.Plugin().WithAbout(&help, &schema).WithRepair(repair).With("downgrade", downgrade).WithHoldings(holdings)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// Add lets the addresses through, puts the policy into effect and keeps a record.
func (c *Conf) Add(a *chained.Attachment) error {
	ch, err := c.change(a)
	if err != nil {
		return err
	}
	if ch.sandbox, err = sandbox.Of(a.Args.Netns, a.IfName); err != nil && !ns.IsGone(err) {
		return err
	}
	backend := detect(c.Backend) // by the bus, which may be slow: others need not wait for that
	s, err := openState()
	if err != nil {
		return err
	}
	defer s.close()
	if err := bury(s, ch.addresses); err != nil {
		return err
	}
	x, err := newAdmission(s, backend, ch)
	if err == nil {
		err = x.succeed()
	}
	if err != nil {
		return err
	}
	a.Undo(x.undo)
	return x.run(a.Context)
}

// change is what the configuration asks for.
func (c *Conf) change(a *chained.Attachment) (change, error) {
	all, err := addresses(a.Result)
	if err != nil {
		return change{}, err
	}
	bridge, err := c.bridge(a.Result)
	if err != nil {
		return change{}, err
	}
	return change{
		owner:      a.Attachment,
		addresses:  all,
		translated: c.translated(),
		admin:      c.AdminChain,
		zone:       c.Zone,
		bridge:     bridge,
		policy:     c.IngressPolicy,
		ipv4:       slices.ContainsFunc(all, netip.Addr.Is4),
		ipv6:       slices.ContainsFunc(all, netip.Addr.Is6),
	}, nil
}

// Check compares the firewall with what Add makes. What a bridge is to have is the
// policy of the last ADD, which may be another attachment's, of other families. Of rules about what was
// translated, containers of upstream and of earlier releases have none.
func (c *Conf) Check(a *chained.Attachment) error {
	ch, err := c.change(a)
	if err != nil {
		return err
	}
	var made entry
	if _, err := record.Read(recordPath(a.Prefix()), &made); err != nil {
		return err
	}
	ch.translated = made.Translated
	name := detect(c.Backend)
	if name != nameFirewalld && (made.Backend == nameIPTables || made.Backend == nameNFTables) {
		name = made.Backend // the default may be another one by now
	}
	isolation := detectIsolation(name)
	if i, known, err := isolationOf(ch.bridge); err != nil {
		return err
	} else if known {
		isolation, ch.policy, ch.ipv4, ch.ipv6 = i.Backend, i.Policy, i.IPv4, i.IPv6
	}
	if ch.policy == open { // which does not keep upstream from giving the bridge another one
		ch.bridge = ""
	}
	parts, err := split(name, isolation, ch)
	errs := []error{err}
	for _, p := range parts {
		errs = append(errs, p.check(p.change))
	}
	return plugin.Join(errs...)
}

// Remove takes back what the record of the attachment says. What upstream's ADD
// made has no record: then those addresses of the result go that no attachment
// with a record has.
func (c *Conf) Remove(a *chained.Attachment) error {
	if recorded, err := removeRecorded(a.Attachment); recorded || err != nil || a.Result == nil {
		return err
	}
	return c.removeUnrecorded(a)
}

// removeRecorded reports whether there was a record.
func removeRecorded(a owner.Attachment) (recorded bool, err error) {
	var q queue
	s, err := openQueued(func() { q.handIn(a) })
	if err != nil {
		return false, err
	}
	defer s.close()
	known, err := record.Former(attachmentsDir(), "", a)
	if err != nil {
		return false, err
	}
	r, err := s.record(known.Prefix())
	switch {
	case err != nil:
		return false, err
	case r != nil:
		return true, q.withdraw(s, *r)
	case q.handed != "":
		return true, record.Remove(q.handed) // and who had the lock has withdrawn it
	}
	return false, nil
}

func (c *Conf) removeUnrecorded(a *chained.Attachment) error {
	all, err := addresses(a.Result)
	if err != nil {
		return err
	}
	backend := detect(c.Backend) // before the lock, as in Add
	s, err := openState()
	if err != nil {
		return err
	}
	defer s.close()
	names := []string{nameIPTables, nameNFTables}
	if backend == nameFirewalld {
		names = append(names, nameFirewalld)
	}
	var errs []error
	for _, name := range names {
		free, err := s.unclaimed(name, all)
		if err != nil || len(free) == 0 {
			errs = append(errs, err)
			continue
		}
		b, err := byName(name)
		if err == nil {
			err = tellRefusals(b.remove(c.unrecorded(s, name, a, free)))
		}
		errs = append(errs, err)
	}
	return plugin.Join(errs...)
}

// unrecorded is what is to be removed of an attachment that has no record, from one
// backend: addresses and, unless there is one of ours, the policy of the bridge, which
// upstream has in iptables only.
func (c *Conf) unrecorded(s *state, backend string, a *chained.Attachment, free []netip.Addr) change {
	ch := change{addresses: free, zone: c.Zone, policy: open}
	if backend != nameIPTables || c.IngressPolicy == open {
		return ch
	}
	bridge, err := c.bridge(a.Result)
	if err != nil {
		return ch
	}
	if i, _, err := isolationOf(bridge); err != nil || i.Policy != "" && i.Policy != open {
		return ch
	}
	ch.bridge, ch.ipv4, ch.ipv6, ch.isStranger = bridge, true, true, s.strangersOn(bridge, free)
	return ch
}

// Collect withdraws all attachments of the network but the valid ones whose containers
// are there.
func (c *Conf) Collect(network string, valid []owner.Attachment) error {
	s, err := openState()
	if err != nil {
		return err
	}
	defer s.close()
	prefixes, err := s.attachments()
	errs, isStale := []error{err}, owner.Stale(network, valid)
	for _, prefix := range prefixes {
		r, err := s.record(prefix)
		if err == nil && r != nil && (isStale(prefix) || r.Network == network && r.Sandbox.IsGone()) {
			err = withdraw(s, *r)
		}
		errs = append(errs, err)
	}
	return plugin.Join(errs...)
}

// Available asks the backends, and for what the state needs.
func (c *Conf) Available() error {
	name := detect(c.Backend)
	b, err := byName(name)
	if err != nil {
		return err
	}
	err = b.available()
	if isolation := detectIsolation(name); err == nil && c.IngressPolicy != open && isolation != name {
		if b, err = byName(isolation); err == nil {
			err = b.available()
		}
	}
	return plugin.Join(err, sandbox.Available(), record.Writable(stateDir))
}
