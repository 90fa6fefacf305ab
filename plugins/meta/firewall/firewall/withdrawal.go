package firewall

import (
	"context"
	"net/netip"
	"slices"
)

// withdraw removes what the record says and no other attachment has, and then the record.
// What other records say that leave, all of the same backend, goes in the same transaction.
func withdraw(s *state, r entry, others ...entry) error {
	leaving := append([]entry{r}, others...)
	var (
		prefixes  []string
		addresses []netip.Addr
		bridges   []string
		refused   bool
	)
	for _, r := range leaving {
		prefixes = append(prefixes, r.owner().Prefix())
		addresses, bridges = union(addresses, r.Addresses...), union(bridges, r.Bridge)
	}
	free, err := s.unclaimed(r.Backend, addresses, prefixes...)
	if err != nil {
		return err
	}
	for i, bridge := range bridges {
		c, backend, err := lastOn(s, bridge, prefixes)
		if err != nil {
			return err
		}
		if i == 0 {
			c.owner, c.addresses, c.zone = r.owner(), free, r.Zone
		}
		all, err := remove(r.Backend, backend, c)
		if err != nil {
			return err
		}
		refused = refused || !all
	}
	if refused && r.Backend != nameFirewalld {
		return nil // the records stay for somebody who may
	}
	for _, r := range leaving {
		if err := handOver(s, r, free, prefixes); err != nil {
			return err
		}
		if err := s.drop(r); err != nil {
			return err
		}
	}
	return nil
}

// union returns all with those of more that are not among them.
func union[T comparable](all []T, more ...T) []T {
	for _, x := range more {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}

// remove takes a change back in the backend for addresses and in that for policies, and reports
// whether it was permitted to.
func remove(name, isolation string, c change) (all bool, err error) {
	parts, err := split(name, isolation, c)
	if err != nil {
		return false, err
	}
	all = true
	for _, p := range parts {
		err := p.remove(p.change)
		if err := tellRefusals(err); err != nil {
			return false, err
		}
		all = all && err == nil
	}
	return all, nil
}

// bury withdraws those attachments with one of the addresses, in any backend, whose
// containers are gone without a DEL, or with one of other plugins.
func bury(s *state, addresses []netip.Addr) error {
	for _, backend := range []string{nameIPTables, nameNFTables, nameFirewalld} {
		for _, a := range addresses {
			var dead []entry
			err := eachClaim(addressKey(backend, a), func(prefix string) (bool, error) {
				r, err := s.record(prefix)
				if err == nil && r != nil && r.Sandbox.IsGone() {
					dead = append(dead, *r)
				}
				return err == nil, err
			})
			if err != nil {
				return err
			}
			for _, r := range dead {
				if err := withdraw(s, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// lastOn returns the change that ends the policy of a bridge, with its backend, if
// the attachments with the prefixes are the last ones on it. Otherwise the change is
// about no bridge.
func lastOn(s *state, bridge string, prefixes []string) (change, string, error) {
	none := change{policy: open}
	if bridge == "" {
		return none, "", nil
	}
	other, err := s.claimant(bridgeKey(bridge), prefixes...)
	if err != nil || other != "" {
		return none, "", err
	}
	i, known, err := isolationOf(bridge)
	if err != nil || !known || i.Policy == open {
		return none, "", err
	}
	c := i.on(bridge)
	c.isStranger = s.strangersOn(bridge, nil)
	return c, i.Backend, nil
}

// handOver gives the addresses of a record that are not free the name of another
// attachment that has them, and does not leave. Only nftables has names beside addresses.
func handOver(s *state, r entry, free []netip.Addr, leaving []string) error {
	if r.Backend != nameNFTables {
		return nil
	}
	for _, a := range r.Addresses {
		if slices.Contains(free, a) {
			continue
		}
		prefix, err := s.claimant(addressKey(r.Backend, a), leaving...)
		if err != nil {
			return err
		}
		if prefix == "" { // whose container is gone by now
			continue
		}
		heir, err := s.record(prefix)
		if err != nil {
			return err
		}
		if heir == nil {
			continue
		}
		c := change{owner: heir.owner(), addresses: []netip.Addr{a}, translated: heir.Translated, policy: open}
		if err := (viaNFTables{}).apply(context.Background(), c); err != nil {
			return err
		}
	}
	return nil
}
