package iptables

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

// viaNFT is a table of the nf_tables variant, which needs no tool to be read, nor to
// lose rules: whatever else is in the table, and in which form, does not matter.
type viaNFT struct {
	family Family
	table  nft.Table
	// conn is nil if the kernel has no nftables.
	conn *nft.Conn
	tx   *nft.Transaction
}

func newNFT(f Family, name string, c *nft.Conn, tx *nft.Transaction) *Table {
	return newTable(f, name, &viaNFT{f, f.nft(name), c, tx})
}

func (v *viaNFT) hasChain(chain string) (bool, error) {
	if v.conn == nil {
		return false, nil
	}
	exists, err := v.conn.HasChain(v.table, chain)
	return exists, ignoreNotSupported(err)
}

// mayHave knows nothing before a chain is read.
func (v *viaNFT) mayHave([]byte) (bool, error) { return true, nil }

func (v *viaNFT) rules(chain string, about []byte) ([]Listed, error) {
	if v.conn == nil {
		return nil, nil
	}
	found, err := v.conn.Rules(v.table, chain)
	if err != nil {
		return nil, ignoreNotSupported(err)
	}
	var rules []Listed
	for _, r := range found {
		if !r.Has(about) {
			continue
		}
		rule, err := v.decode(r)
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func (v *viaNFT) until(chain string, stop func(Rule) bool) ([]Listed, error) {
	if v.conn == nil {
		return nil, nil
	}
	var (
		rules  []Listed
		failed error
	)
	err := v.conn.SomeRules(v.table, chain, func(r nft.FoundRule) bool {
		rule, err := v.decode(r)
		rules, failed = append(rules, rule), err
		return err == nil && !stop(rule.Rule)
	})
	switch {
	case errors.Is(err, unix.EINTR): // changed meanwhile
		return v.rules(chain, nil)
	case failed != nil:
		return nil, failed
	}
	return rules, ignoreNotSupported(err)
}

func (v *viaNFT) jumps(chain string) (int, error) {
	if v.conn == nil {
		return 0, nil
	}
	jumps, err := v.conn.Jumps(v.table, chain)
	return jumps, ignoreNotSupported(err)
}

func (v *viaNFT) decode(r nft.FoundRule) (Listed, error) {
	d := decoder{family: v.family, elements: func(set string) ([]nft.Element, error) { return v.conn.Elements(v.table, set) }}
	rule, err := d.decode(r)
	return Listed{rule, place{handle: r.Handle}}, err
}

func (v *viaNFT) deleteRule(chain string, r Listed) { v.tx.DeleteRule(v.table, chain, r.handle) }

func (v *viaNFT) deleteChain(chain string) { v.tx.DeleteChain(v.table, chain) }

func ignoreNotSupported(err error) error {
	if nft.IsNotSupported(err) {
		return nil
	}
	return err
}

// dialNFT connects to nftables, if the kernel has it.
func dialNFT() (*nft.Conn, error) {
	c, err := nft.Dial()
	return c, ignoreNotSupported(err)
}
