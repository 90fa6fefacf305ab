package nft

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Attempts is how often a change is tried anew after others changed the same
// things between the look and the change. Each failure means that somebody else
// got on, and of what can collide there are only few steps.
const Attempts = 10

// Removal looks for something and adds its removal, if it is there, to a
// transaction. Removals in one transaction wait for one RCU grace period.
type Removal func(*Conn, *Transaction) error

// Change applies the transaction that build makes after a look at what is there.
// If that changes meanwhile, build looks again.
func (c *Conn) Change(build func(*Transaction) error) error {
	for n := 1; ; n++ {
		tx := &Transaction{}
		if err := build(tx); err != nil {
			return err
		}
		err := c.Apply(tx)
		if !IsStale(err) || n == Attempts {
			return err
		}
	}
}

// CompleteChain adds a chain to the transaction, unless it is there, and its rules, unless
// it has as many. Those that it has if there are fewer do not tell which ones they are,
// and go.
func (c *Conn) CompleteChain(tx *Transaction, t Table, chain Chain, rules []Rule) error {
	exists, err := c.HasChain(t, chain.Name)
	if err != nil {
		return err
	}
	if !exists {
		tx.AddChain(t, chain)
	}
	found, err := c.Rules(t, chain.Name)
	if err != nil || len(found) >= len(rules) {
		return err
	}
	for _, r := range found {
		tx.DeleteRule(t, chain.Name, r.Handle)
	}
	for _, r := range rules {
		tx.AddRule(t, chain.Name, r)
	}
	return nil
}

// IsStale reports whether a transaction failed since something was not, any
// longer, as it was looked at: gone, there already, in use.
func IsStale(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ERESTART)
}
