package nat

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
)

// viaNFTables masquerades with nftables, in upstream's table and chains:
//
//	table inet cni_plugins_masquerade {
//	    set attachments {
//	        type mark . mark . mark . mark . mark
//	        elements = { 0x6fd94d50 . 0x1e58f0aa . 0x287fc69e . 0xff0574a2 . 0x00000000 comment "10.88.0.5 ip_10.88.0.0/16" }
//	    }
//	    set ip_10.88.0.0/16 {
//	        type ipv4_addr
//	        elements = { 10.88.0.5 comment "6fd94d501e58f0aa-287fc69eff0574a2, net: …, if: …, id: …" }
//	    }
//	    chain masq_checks {
//	        ip saddr @ip_10.88.0.0/16 ip daddr != 10.88.0.0/16 masquerade
//	    }
//	    chain postrouting {
//	        type nat hook postrouting priority srcnat
//	        ip daddr 224.0.0.0/4 return
//	        ip6 daddr ff00::/8 return
//	        goto masq_checks
//	    }
//	}
//
// Upstream has a rule for each address instead, which an ADD never makes here,
// but DEL, CHECK and GC know. With 5 000 of those, each new connection passes
// 5 000 rules, and each DEL reads them all to find its own. Here both have one
// element to look up. A verdict map with a chain for each attachment would do
// for packets, but the kernel validates all of its jumps on every change: 2 ms
// with 5 000 elements, where an element of a plain set costs 0.03 ms. Upstream's
// DEL does not find elements: Downgrade makes its rules of them.
//
// The set attachments is the way from an attachment to its addresses. Its keys
// are the hashes that comments begin with, and a number for each address. An address that
// several have is in the name of one of them, and " shared" behind it in the comment there.
type viaNFTables struct{}

func (viaNFTables) Add(a owner.Attachment, addresses []*net.IPNet, o Options) error {
	err := replace(func(c *nft.Conn, tx *nft.Transaction) ([]entry, error) {
		return add(c, tx, a, newEntries(a, addresses, o))
	})
	if err != nil {
		return fmt.Errorf("masquerade: %w", err)
	}
	return nil
}

// replace makes the change of build, which returns the addresses that it takes away, and
// removes the sets that have none then.
func replace(build func(*nft.Conn, *nft.Transaction) ([]entry, error)) error {
	return nft.With(func(c *nft.Conn) error {
		var replaced []entry
		err := c.Change(func(tx *nft.Transaction) (err error) {
			replaced, err = build(c, tx)
			return err
		})
		if err != nil {
			return err
		}
		return removeUnused(c, replaced)
	})
}

// add takes away what the attachment has, which it returns, and adds what it is
// to have.
func add(c *nft.Conn, tx *nft.Transaction, a owner.Attachment, wanted []entry) ([]entry, error) {
	removed, err := removeEntries(c, tx, a.Prefix())
	if err != nil {
		return nil, err
	}
	if err := addMissing(c, tx, wanted); err != nil {
		return nil, err
	}
	return removed, addEntries(c, tx, a, wanted, removed)
}

// addEntries adds the entries. Those that were removed are not there any longer.
func addEntries(c *nft.Conn, tx *nft.Transaction, a owner.Attachment, wanted, removed []entry) error {
	for _, e := range wanted {
		// An address can be in the name of another attachment, be it one that was never
		// deleted.
		x, found, err := c.Element(masqTable(), e.set, nft.Addr(e.ip))
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(removed, e.same); i >= 0 {
			e.shared = e.shared || removed[i].shared
		} else if found {
			tx.DeleteElement(masqTable(), e.set, nft.Addr(e.ip))
			e.shared = e.shared || !a.Owns(x.Comment)
		}
		tx.AddElement(masqTable(), e.set, nft.Element{Key: nft.Addr(e.ip), Comment: a.Tag()})
		tx.AddElement(masqTable(), attachments, e.element())
	}
	return nil
}

func (m viaNFTables) Del(a owner.Attachment, _ ...*net.IPNet) error {
	release, err := m.begin(a, nil)
	release()
	return err
}

// begin does all of Del, and other removals with it in one transaction, but to
// release what it used: that waits for an RCU grace period unless one has passed.
func (viaNFTables) begin(a owner.Attachment, others []nft.Removal) (release func(), err error) {
	return connectToRemove(func(c *nft.Conn, exists bool) error {
		remove := func(tx *nft.Transaction) ([]entry, error) {
			for _, other := range others {
				if err := other(c, tx); err != nil {
					return nil, err
				}
			}
			if !exists {
				return nil, nil
			}
			removed, err := withdraw(c, tx, a.Prefix())
			if err != nil {
				return nil, err
			}
			return removed, removeRules(c, tx, a.Owns)
		}
		return removeWithSets(c, remove)
	})
}

func (viaNFTables) GC(network string, valid []owner.Attachment, _ ...Masqueraded) error {
	stale := owner.Stale(network, valid)
	release, err := connectToRemove(func(c *nft.Conn, exists bool) error {
		if !exists {
			return nil
		}
		err := c.Change(func(tx *nft.Transaction) error {
			return removeRules(c, tx, func(tag string) bool { return stale(nft.CommentOwner(tag)) })
		})
		return errors.Join(err, collectEntries(c, stale))
	})
	release()
	return err
}

// collectEntries removes the addresses of the attachments whose prefix is stale, and the
// sets that are without any, also those that somebody who was killed has left.
func collectEntries(c *nft.Conn, stale func(prefix string) bool) error {
	elements, err := c.Elements(masqTable(), attachments)
	if err != nil {
		return err
	}
	prefixes := map[string]bool{}
	for _, x := range elements {
		if prefix, _ := nft.OwnerOf(x.Key); stale(prefix) {
			prefixes[prefix] = true
		}
	}
	var errs []error
	for prefix := range prefixes {
		errs = append(errs, removeWithSets(c, func(tx *nft.Transaction) ([]entry, error) { return withdraw(c, tx, prefix) }))
	}
	return errors.Join(append(errs, removeForgotten(c))...)
}

func (viaNFTables) Available() error { return nft.Available(masqTable()) }

func (viaNFTables) Check(a owner.Attachment, addresses []*net.IPNet, o Options) error {
	var missing []*net.IPNet
	err := nft.With(func(c *nft.Conn) (err error) {
		missing, err = missingOf(c, a, addresses, o)
		return err
	})
	if err != nil {
		return fmt.Errorf("check masquerade: %w", err)
	}
	return notMasqueraded(missing)
}

// missingOf returns those of the addresses that are not masqueraded.
func missingOf(c *nft.Conn, a owner.Attachment, addresses []*net.IPNet, o Options) ([]*net.IPNet, error) {
	base, err := c.Rules(masqTable(), postrouting)
	if err != nil || len(base) == 0 {
		return addresses, err
	}
	rules, err := c.Rules(masqTable(), masqChecks)
	if err != nil {
		return nil, err
	}
	upstreams := 0
	comments := map[string]bool{}
	for _, r := range rules {
		comments[r.Comment] = true
		if a.Owns(r.Comment) && masquerades(r) {
			upstreams++
		}
	}
	if upstreams >= len(addresses) {
		return nil, nil
	}
	entries, err := entriesOf(c, a.Prefix())
	if err != nil {
		return nil, err
	}
	var missing []*net.IPNet
	for _, address := range addresses {
		i := slices.IndexFunc(entries, func(e entry) bool { return e.ip.Equal(address.IP) && comments[e.set] && e.isIn(address) })
		if i < 0 {
			missing = append(missing, address)
			continue
		}
		// It may be in the name of another attachment that has it as well.
		_, found, err := c.Element(masqTable(), entries[i].set, nft.Addr(address.IP))
		if err != nil {
			return nil, err
		}
		if !found {
			missing = append(missing, address)
			continue
		}
		spared := networksLike(address.IP, o.Exclude)
		if has, err := hasNetworks(c, entries[i].set, spared); err != nil || !has {
			return nil, errors.Join(err, notSpared(spared))
		}
	}
	return missing, nil
}

// masquerades reports whether a rule does: a downgrade makes others, too.
func masquerades(r nft.FoundRule) bool {
	for e := range r.Exprs() {
		if e.Name == "masq" {
			return true
		}
	}
	return false
}

// connectToRemove runs f, to remove something, and tells it whether the table
// exists. Where nftables is not supported there is nothing to remove. release
// closes the connection that f used.
func connectToRemove(f func(c *nft.Conn, exists bool) error) (release func(), err error) {
	c, err := nft.DialToRemove()
	switch {
	case nft.IsNotSupported(err):
		return func() {}, nil
	case err != nil:
		return func() {}, fmt.Errorf("remove masquerade: %w", err)
	}
	exists, err := c.HasTable(masqTable())
	if err == nil {
		err = f(c, exists)
	}
	if err != nil {
		return c.Close, fmt.Errorf("remove masquerade: %w", err)
	}
	return c.Close, nil
}
