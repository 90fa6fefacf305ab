package disk

import (
	"fmt"
	"slices"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Commit makes the changes. If a reservation cannot be made, or its range set's
// last address cannot be kept, it takes back what it made and frees nothing. If
// addresses cannot be freed, it frees the others, takes back what it reserved and
// returns an error for these.
func (t *Tx) Commit() error {
	if t.err != nil {
		return t.err
	}
	undo, reserveErr := t.reserve()
	err := reserveErr
	if err == nil {
		err = t.free()
	}
	if err == nil {
		// The next one reads all files if this fails.
		_ = t.index.save()
		return t.unread
	}
	for _, step := range slices.Backward(undo) {
		if undoErr := step(); undoErr != nil {
			return fmt.Errorf("%w; take back: %w", err, undoErr)
		}
	}
	if reserveErr != nil {
		// All is as before, and so is what the index says of it.
		t.index.stampAgain()
	}
	return err
}

// reserve makes all reservations, and returns what takes those back that were made.
func (t *Tx) reserve() (undo []func() error, err error) {
	for _, c := range t.changes {
		if c.after == nil {
			continue
		}
		if err := t.dir.apply(c); err != nil {
			return undo, fmt.Errorf("reserve %v: %w", c.addr, err)
		}
		undo = append(undo, func() error { return t.dir.apply(c.reverse()) })
	}
	for i := range t.last {
		last := &t.last[i]
		if err := last.replace(t.dir); err != nil {
			return undo, fmt.Errorf("keep last reserved address: %w", err)
		}
		undo = append(undo, func() error { return last.restore(t.dir) })
	}
	return undo, nil
}

// free frees addresses.
func (t *Tx) free() error {
	var errs []error
	for _, c := range t.changes {
		if c.after == nil {
			if err := t.dir.apply(c); err != nil {
				errs = append(errs, fmt.Errorf("release %v: %w", c.addr, err))
			}
		}
	}
	return plugin.Join(errs...)
}

func (c change) reverse() change { return change{c.addr, c.after, c.before} }

// Revert takes back what tx has committed, as far as nobody has changed it
// since. The Store's lock must be held again.
func (s *Store) Revert(tx *Tx) error {
	back, err := s.Begin()
	if err != nil {
		return err
	}
	defer back.Close()
	for _, c := range slices.Backward(tx.changes) {
		now, err := back.lease(c.addr)
		if err != nil {
			return err
		}
		if same(now, c.after) {
			back.plan(change{c.addr, now, c.before})
		}
	}
	if err := back.Commit(); err != nil {
		return err
	}
	for _, last := range slices.Backward(tx.last) {
		if err := last.restore(s.dir); err != nil {
			return err
		}
	}
	return back.index.stampAgain()
}

// same reports whether two leases are one.
func same(a, b *lease) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.holder == b.holder && a.since.Equal(b.since)
}
