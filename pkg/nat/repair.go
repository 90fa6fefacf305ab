package nat

import (
	"fmt"
	"slices"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/restored"
)

func (viaNFTables) Repair(all []Masqueraded) error {
	if len(all) == 0 {
		return nil
	}
	err := replace(func(c *nft.Conn, tx *nft.Transaction) ([]entry, error) { return repair(c, tx, all) })
	if err != nil {
		return fmt.Errorf("repair masquerade: %w", err)
	}
	return nil
}

// repair adds what is missing. Of an attachment that lacks anything, it takes away
// what there is, which it returns, and adds all.
func repair(c *nft.Conn, tx *nft.Transaction, all []Masqueraded) (replaced []entry, err error) {
	var everything []entry
	having := map[string]int{}
	for _, m := range all {
		for _, e := range newEntries(m.Attachment, m.Addresses, m.Options) {
			everything = append(everything, e)
			having[e.String()]++
		}
	}
	if err := repairRules(c, tx, everything); err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, m := range all {
		wanted := newEntries(m.Attachment, m.Addresses, m.Options)
		complete, err := hasEntries(c, m, wanted)
		if err != nil {
			return nil, err
		}
		if complete {
			continue
		}
		restored.Of(m.Attachment)
		removed, err := removeEntries(c, tx, m.Prefix())
		if err != nil {
			return nil, err
		}
		replaced = append(replaced, removed...)
		for _, e := range wanted {
			name := e.String()
			e.shared = having[name] > 1
			if taken[name] { // by another attachment, with the same address
				tx.AddElement(masqTable(), attachments, e.element())
			} else if err := addEntries(c, tx, m.Attachment, []entry{e}, removed); err != nil {
				return nil, err
			}
			taken[name] = true
		}
	}
	return replaced, nil
}

// hasEntries reports whether the attachment has all entries. An address may be in
// the name of another attachment that has it as well.
func hasEntries(c *nft.Conn, m Masqueraded, wanted []entry) (bool, error) {
	have, err := entriesOf(c, m.Prefix())
	if err != nil || !slices.EqualFunc(have, wanted, entry.same) {
		return false, err
	}
	for _, e := range wanted {
		_, found, err := c.Element(masqTable(), e.set, nft.Addr(e.ip))
		if err != nil || !found {
			return false, err
		}
	}
	return true, nil
}

// repairRules adds what is missing of what attachments have in common, and of the
// sets of the entries with their rules.
func repairRules(c *nft.Conn, tx *nft.Transaction, entries []entry) error {
	if err := addSkeleton(c, tx); err != nil {
		return err
	}
	if err := repairPostrouting(c, tx); err != nil {
		return err
	}
	rules, err := c.Rules(masqTable(), masqChecks)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if seen[e.set] {
			continue
		}
		seen[e.set] = true
		exists, err := c.HasSet(masqTable(), e.set)
		if err != nil {
			return err
		}
		if !exists {
			tx.AddSet(masqTable(), nft.Set{Name: e.set, Key: []nft.Type{nft.AddrType(e.ip)}})
		}
		if err := repairNetworks(c, tx, e); err != nil {
			return err
		}
		if !slices.ContainsFunc(rules, func(r nft.FoundRule) bool { return r.Comment == e.set }) {
			tx.AddRule(masqTable(), masqChecks, e.rule)
		}
	}
	return nil
}

// repairPostrouting makes the rules of the base chain anew if there are not enough:
// they do not tell which ones they are. A chain that is not there gets its rules
// elsewhere.
func repairPostrouting(c *nft.Conn, tx *nft.Transaction) error {
	exists, err := c.HasChain(masqTable(), postrouting)
	if err != nil || !exists {
		return err
	}
	rules, err := c.Rules(masqTable(), postrouting)
	if err != nil || len(rules) >= postroutingRules {
		return err
	}
	for _, r := range rules {
		tx.DeleteRule(masqTable(), postrouting, r.Handle)
	}
	addPostroutingRules(tx)
	return nil
}
