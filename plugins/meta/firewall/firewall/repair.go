package firewall

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/restored"
)

// repair makes again what attachments with a record had and somebody flushed. What
// is there stays as it is.
func repair() error {
	if _, err := os.Stat(stateDir); err != nil {
		return nil // no attachment yet
	}
	s, err := openState()
	if err != nil {
		return err
	}
	defer s.close()
	recorded, err := s.changes()
	errs := []error{err}
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		all := recorded[name]
		b, err := byName(name)
		if err == nil {
			err = b.repair(all)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s, for %s: %w", name, subjects(all), err))
		}
	}
	return plugin.Join(errs...)
}

// subjects names what the changes are about.
func subjects(all []change) string {
	text := ""
	for i, c := range all {
		if i > 0 {
			text += ", "
		}
		if c.bridge != "" {
			text += "bridge " + c.bridge
		} else {
			text += c.owner.String()
		}
	}
	return text
}

// changes returns those that records and policies tell of, by backend, the ones
// about bridges last. The dead are withdrawn.
func (s *state) changes() (map[string][]change, error) {
	prefixes, err := s.attachments()
	errs := []error{err}
	all, bridges := map[string][]change{}, []string{}
	for _, prefix := range prefixes {
		r, err := s.record(prefix)
		if err == nil && r != nil && r.Sandbox.IsGone() {
			err, r = withdraw(s, *r), nil
		}
		if err != nil || r == nil {
			errs = append(errs, err)
			continue
		}
		c := change{owner: r.owner(), addresses: r.Addresses, translated: r.Translated, admin: r.Admin, zone: r.Zone}
		if c.admin == "" {
			c.admin = defaultAdminChain
		}
		all[r.Backend] = append(all[r.Backend], c.withoutBridge())
		if r.Bridge != "" && !slices.Contains(bridges, r.Bridge) {
			bridges = append(bridges, r.Bridge)
		}
	}
	for _, name := range bridges {
		i, known, err := isolationOf(name)
		if known && i.Policy != open {
			c := i.on(name)
			c.policy = i.Policy
			all[i.Backend] = append(all[i.Backend], c)
		}
		errs = append(errs, err)
	}
	return all, plugin.Join(errs...)
}

func (viaIPTables) repair(all []change) error {
	wants := func(f iptables.Family) bool {
		return slices.ContainsFunc(all, func(c change) bool { return !planWanted(f, c).empty() })
	}
	return iptables.ChangeEach(filter, wants, func(t *iptables.Table) error {
		t.Rules(forwardChain) // once for all
		p, seen := &plan{family: t.Family}, map[netip.Addr]bool{}
		for _, c := range all {
			c.addresses = slices.DeleteFunc(slices.Clone(c.addresses), func(a netip.Addr) bool { return seen[a] })
			for _, a := range c.addresses {
				seen[a] = true
			}
			c.held = c.addresses
			wanted := planWanted(t.Family, c)
			if c.bridge == "" && len(wanted.missing(t)) > 0 {
				restored.Of(c.owner)
			}
			p.add(wanted)
		}
		p.change(t)
		return nil
	})
}

// add adds what another plan wants, which is about other addresses.
func (p *plan) add(other *plan) {
	for _, chain := range other.chains {
		if !slices.Contains(p.chains, chain) {
			p.chains = append(p.chains, chain)
		}
	}
	for _, w := range other.wanted {
		if w.ofAddress || !slices.ContainsFunc(p.wanted, w.same) {
			p.wanted = append(p.wanted, w)
		}
	}
}

func (viaNFTables) repair(all []change) error {
	return nft.Change(func(conn *nft.Conn, tx *nft.Transaction) error {
		if err := addSkeleton(conn, tx); err != nil {
			return err
		}
		// An address has the name of its youngest attachment.
		added := map[string]bool{}
		for _, c := range slices.Backward(all) {
			for _, x := range c.elements() {
				if added[x.set+x.name] || x.check(conn) == nil {
					continue
				}
				added[x.set+x.name] = true
				if c.bridge == "" {
					restored.Of(c.owner)
				}
				if err := x.put(conn, tx); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// repair goes on after an error, unless firewalld itself is gone or does not answer.
func (v viaFirewalld) repair(all []change) error {
	var errs []error
	for _, c := range all {
		err := v.mend(c)
		if errors.Is(err, errAbsent) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		errs = append(errs, err)
	}
	return plugin.Join(errs...)
}

// mend makes those addresses sources that are none.
func (v viaFirewalld) mend(c change) error {
	s, err := dial(context.Background())
	if err != nil {
		return err
	}
	defer s.close()
	var errs []error
	for _, a := range c.addresses {
		if is, err := s.has(c.zone, host(a)); err == nil && is {
			continue
		}
		if err := s.add(c.zone, host(a)); err != nil {
			errs = append(errs, fmt.Errorf("add the address %s to %s zone: %w", host(a), c.zone, err))
			continue
		}
		restored.Rules(1)
		restored.Of(c.owner)
	}
	return plugin.Join(errs...)
}
