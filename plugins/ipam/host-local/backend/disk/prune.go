package disk

import (
	"net/netip"
	"time"
)

// Of the leases beyond the ranges, those are looked at that are older than settled, in
// which an ADD is over, and while any is left each pruning, of all ADDs one.
const (
	settled = 10 * time.Minute
	pruning = 10 * time.Minute
)

// Prune frees the addresses that are not within the network's ranges, of which ranges is a
// description, if they are of an earlier boot or vanished says that their containers are
// gone: nobody else will, once a network has got others.
func (t *Tx) Prune(ranges string, within, vanished func(netip.Addr) bool) error {
	none := uint32(hash(ranges)) | 1
	some := uint32(hash(ranges+time.Now().Truncate(pruning).UTC().String())) | 1
	if !t.index.usable || t.index.pruned == none || t.index.pruned == some {
		return nil
	}
	var beyond []netip.Addr
	t.ask(func() {
		beyond = nil
		t.index.all(func(r record) {
			if !within(r.addr) {
				beyond = append(beyond, r.addr)
			}
		})
	})
	t.index.pruned = none
	for _, addr := range beyond {
		l, err := t.lease(addr)
		if err != nil {
			l = unreadable(err)
		}
		switch {
		case l == nil:
		case t.index.isInherited(l.since), time.Since(l.since) > settled && vanished(addr):
			t.plan(change{addr, l, nil})
		default:
			t.index.pruned = some
		}
	}
	return t.err
}

// Retain frees all addresses but those for whose holder keep returns true, and
// removes files without holder. The interface name is empty for a lease whose
// file has none. Retain reads the files of all leases; those that it cannot read
// stay, and Commit returns why.
func (t *Tx) Retain(keep func(id, ifname string) bool) error {
	var kept []record
	err := t.dir.each(func(addr netip.Addr, l *lease) {
		if l != nil && (l.id == "" || keep(l.id, l.ifname)) {
			kept = append(kept, t.index.record(addr, l))
			return
		}
		t.changes = append(t.changes, change{addr, l, nil})
	})
	if err != nil {
		return err
	}
	if len(t.changes) > 0 {
		t.index.fill(kept)
	}
	t.unread = t.index.unread
	return nil
}
