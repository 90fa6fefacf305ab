package firewall

import (
	"context"
	"net/netip"
	"slices"
)

// withdrawKnown withdraws the attachment with the prefix, if it has a record.
func withdrawKnown(s *state, prefix string) error {
	r, err := s.record(prefix)
	if err != nil || r == nil {
		return err
	}
	return withdraw(s, *r)
}

// withdraw removes what the record says and no other attachment has, and then
// the record.
func withdraw(s *state, r entry) error {
	prefix := r.owner().Prefix()
	free, err := s.unclaimed(r.Backend, r.Addresses, prefix)
	if err != nil {
		return err
	}
	c, backend, err := lastOn(s, r.Bridge, prefix)
	if err != nil {
		return err
	}
	c.owner, c.addresses, c.zone = r.owner(), free, r.Zone
	parts, err := split(r.Backend, backend, c)
	if err != nil {
		return err
	}
	refused := false
	for _, p := range parts {
		err := p.remove(p.change)
		if err := tellRefusals(err); err != nil {
			return err
		}
		refused = refused || err != nil
	}
	if refused && r.Backend != nameFirewalld {
		return nil // the record stays for somebody who may
	}
	if err := handOver(s, r, free); err != nil {
		return err
	}
	return s.drop(r)
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
// the attachment with the prefix is the last one on it. Otherwise the change is
// about no bridge.
func lastOn(s *state, bridge, prefix string) (change, string, error) {
	none := change{policy: open}
	if bridge == "" {
		return none, "", nil
	}
	other, err := s.claimant(bridgeKey(bridge), prefix)
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
// attachment that has them. Only nftables has names beside addresses.
func handOver(s *state, r entry, free []netip.Addr) error {
	if r.Backend != nameNFTables {
		return nil
	}
	for _, a := range r.Addresses {
		if slices.Contains(free, a) {
			continue
		}
		prefix, err := s.claimant(addressKey(r.Backend, a), r.owner().Prefix())
		if err != nil {
			return err
		}
		heir, err := s.record(prefix)
		if err != nil || heir == nil {
			return err
		}
		c := change{owner: heir.owner(), addresses: []netip.Addr{a}, translated: heir.Translated, policy: open}
		if err := (viaNFTables{}).apply(context.Background(), c); err != nil {
			return err
		}
	}
	return nil
}
