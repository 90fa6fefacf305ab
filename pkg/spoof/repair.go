package spoof

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/restored"
)

// Restricted is an attachment with its port, whose addresses are those that Add
// and Allow got.
type Restricted struct {
	owner.Attachment
	Port
}

// Repair makes what Add and Allow made for all of them and somebody took away.
// What is there stays as it is.
func Repair(all []Restricted) error {
	if len(all) == 0 {
		return nil
	}
	err := nft.Change(func(c *nft.Conn, tx *nft.Transaction) error { return repair(c, tx, all) })
	if err != nil {
		return fmt.Errorf("repair spoof-check: %w", err)
	}
	return nil
}

func repair(c *nft.Conn, tx *nft.Transaction, all []Restricted) error {
	if err := repairRules(c, tx); err != nil {
		return err
	}
	for _, r := range all {
		have, err := entriesOf(c, r.Prefix())
		if err != nil {
			return err
		}
		wanted := newEntries(r.Port)
		missing, err := missingOf(c, r.Attachment, r.Port)
		if err != nil {
			return err
		}
		if len(missing) == 0 && slices.Equal(have, wanted) {
			continue
		}
		restored.Of(r.Attachment)
		if err := remove(c, tx, r.Prefix()); err != nil {
			return err
		}
		if err := removeUnknown(c, tx, r, have); err != nil {
			return err
		}
		addEntries(tx, r.Attachment, 0, wanted)
	}
	return nil
}

// removeUnknown removes those of the port's elements that the entries, which are
// being removed, do not lead to.
func removeUnknown(c *nft.Conn, tx *nft.Transaction, r Restricted, removed []entry) error {
	same := func(x element) func(element) bool {
		return func(y element) bool { return x.set == y.set && bytes.Equal(x.key, y.key) }
	}
	for _, x := range elementsOf(newEntries(r.Port)) {
		have, found, err := c.Element(table(), x.set, x.key)
		if err != nil {
			return err
		}
		isRemoved := r.Owns(have.Comment) && slices.ContainsFunc(elementsOf(removed), same(x))
		if found && !isRemoved {
			tx.DeleteElement(table(), x.set, x.key)
		}
	}
	return nil
}

// repairRules adds what is missing of what ports have in common. A chain that has
// not all of its rules gets them anew: they do not tell which ones they are.
func repairRules(c *nft.Conn, tx *nft.Transaction) error {
	exists, err := c.HasTable(table())
	if err != nil {
		return err
	}
	if !exists {
		return addMissing(c, tx)
	}
	for _, s := range sets() {
		exists, err := c.HasSet(table(), s.Name)
		if err != nil {
			return err
		}
		if !exists {
			tx.AddSet(table(), s)
		}
	}
	for _, want := range chains() {
		if err := want.repair(c, tx); err != nil {
			return err
		}
	}
	return nil
}

func (want chain) repair(c *nft.Conn, tx *nft.Transaction) error {
	exists, err := c.HasChain(table(), want.Name)
	if err != nil {
		return err
	}
	if !exists {
		tx.AddChain(table(), want.Chain)
	}
	have, err := c.Rules(table(), want.Name)
	if err != nil || len(have) == len(want.rules) {
		return err
	}
	for _, r := range have {
		tx.DeleteRule(table(), want.Name, r.Handle)
	}
	for _, exprs := range want.rules {
		tx.AddRule(table(), want.Name, nft.Rule{Exprs: exprs})
	}
	return nil
}
