package nat

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/nft"
)

// entriesOf returns the addresses of the attachment with the prefix.
func entriesOf(c *nft.Conn, prefix string) ([]entry, error) {
	owned, err := c.Owned(masqTable(), attachments, prefix)
	var entries []entry
	for _, x := range owned {
		entries = append(entries, parseEntry(x))
	}
	return entries, err
}

// removeEntries removes the addresses of the attachment with the prefix, and
// returns those whose sets had them. An address that got a new owner meanwhile
// stays.
func removeEntries(c *nft.Conn, tx *nft.Transaction, prefix string) ([]entry, error) {
	entries, err := entriesOf(c, prefix)
	if err != nil {
		return nil, err
	}
	var removed []entry
	for _, e := range entries {
		tx.DeleteElement(masqTable(), attachments, e.key)
		if e.ip == nil {
			continue
		}
		x, found, err := c.Element(masqTable(), e.set, nft.Addr(e.ip))
		if err != nil {
			return nil, err
		}
		if found && strings.HasPrefix(x.Comment, prefix) {
			tx.DeleteElement(masqTable(), e.set, nft.Addr(e.ip))
			removed = append(removed, e)
		}
	}
	return removed, nil
}

// withdraw does so for good: what others have as well it leaves to one of them, and looks
// for these only then. Of that attachment nothing is known but the prefix.
func withdraw(c *nft.Conn, tx *nft.Transaction, prefix string) ([]entry, error) {
	removed, err := removeEntries(c, tx, prefix)
	if err != nil || !slices.ContainsFunc(removed, func(e entry) bool { return e.shared }) {
		return removed, err
	}
	all, err := c.Elements(masqTable(), attachments)
	for _, x := range all {
		heir, _ := nft.OwnerOf(x.Key)
		e := parseEntry(x)
		i := slices.IndexFunc(removed, e.same)
		if heir == prefix || i < 0 {
			continue
		}
		removed = slices.Delete(removed, i, i+1)
		e.shared = true
		tx.AddElement(masqTable(), e.set, nft.Element{Key: nft.Addr(e.ip), Comment: heir})
		// That fails if it has gone meanwhile.
		tx.DeleteElement(masqTable(), attachments, e.key)
		tx.AddElement(masqTable(), attachments, e.element())
	}
	return removed, err
}

// removeRules removes upstream's rules, one for each address, whose tags are
// owned.
func removeRules(c *nft.Conn, tx *nft.Transaction, owned func(tag string) bool) error {
	rules, err := c.Rules(masqTable(), masqChecks)
	for _, r := range rules {
		if owned(r.Comment) {
			tx.DeleteRule(masqTable(), masqChecks, r.Handle)
		}
	}
	return err
}

// removeWithSets makes the change of remove, which returns the addresses that it takes
// away, and removes the sets that have none then: if it can be in the same transaction,
// behind which nobody would find them.
func removeWithSets(c *nft.Conn, remove func(*nft.Transaction) ([]entry, error)) error {
	tx := &nft.Transaction{}
	removed, err := remove(tx)
	if err != nil {
		return err
	}
	shared, err := removeLast(c, tx, removed)
	if err != nil {
		return err
	}
	err = c.Apply(tx)
	if nft.IsStale(err) {
		// With many at work, nothing may be the same for long.
		err = c.Change(func(tx *nft.Transaction) (err error) {
			removed, err = remove(tx)
			return err
		})
		shared = removed
	}
	// Those who shared a set may all have gone at the same time.
	return errors.Join(err, removeUnused(c, shared))
}

// removeForgotten removes the sets of addresses that have none, whoever has left them.
func removeForgotten(c *nft.Conn) error {
	sets, err := c.Sets(masqTable())
	if err != nil {
		return err
	}
	var entries []entry
	for _, set := range sets {
		if isSetName(set) {
			entries = append(entries, entry{set: set})
		}
	}
	return removeUnused(c, entries)
}

// removeLast removes those of the entries' sets that have no addresses but theirs, which
// are being removed, all in the transaction: then the kernel waits only once. It returns
// the entries whose sets stay.
func removeLast(c *nft.Conn, tx *nft.Transaction, entries []entry) ([]entry, error) {
	sets, err := removeSets(c, tx, entries, entries)
	return slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return slices.Contains(sets, e.set) }), err
}

// removeUnused removes those of the entries' sets that have no addresses any longer. Where
// others are at work all the time, it leaves that to them.
func removeUnused(c *nft.Conn, entries []entry) error {
	err := c.Change(func(tx *nft.Transaction) error {
		_, err := removeSets(c, tx, entries, nil)
		return err
	})
	if nft.IsStale(err) {
		return nil
	}
	return err
}

// removeSets removes those of the entries' sets that have no other addresses than the known
// ones, with the rules that use them, and returns them: networks come and go, and every rule
// costs each new connection a little. The transaction is good only as long as nobody adds an address.
func removeSets(c *nft.Conn, tx *nft.Transaction, entries, known []entry) ([]string, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	generation, err := c.Generation()
	if err != nil {
		return nil, err
	}
	sets, err := setsWithout(c, entries, known)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		if err := removeRules(c, tx, func(comment string) bool { return comment == set }); err != nil {
			return nil, err
		}
		tx.DeleteSet(masqTable(), set)
		if err := deleteNetworks(c, tx, set); err != nil {
			return nil, err
		}
		tx.Generation = generation
	}
	return sets, nil
}

// setsWithout returns those of the entries' sets that have no other addresses
// than the known ones.
func setsWithout(c *nft.Conn, entries, known []entry) ([]string, error) {
	looked := map[string]bool{}
	var sets []string
	for _, e := range entries {
		if looked[e.set] {
			continue
		}
		looked[e.set] = true
		elements, err := c.SomeElements(masqTable(), e.set, len(known))
		if err != nil {
			return nil, err
		}
		isKnown := func(x nft.Element) bool {
			return slices.ContainsFunc(known, func(k entry) bool { return k.set == e.set && bytes.Equal(nft.Addr(k.ip), x.Key) })
		}
		if !slices.ContainsFunc(elements, func(x nft.Element) bool { return !isKnown(x) }) {
			sets = append(sets, e.set)
		}
	}
	return sets, nil
}
