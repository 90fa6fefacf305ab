package nft

import (
	"errors"

	"golang.org/x/sys/unix"
)

// attempts is how often a change is tried anew after others changed the same
// things between the look and the change. Each failure means that somebody else
// got on, and of what can collide there are only few steps.
const attempts = 10

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
		if !IsStale(err) || n == attempts {
			return err
		}
	}
}

// IsStale reports whether a transaction failed since something was not, any
// longer, as it was looked at.
func IsStale(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ERESTART)
}
