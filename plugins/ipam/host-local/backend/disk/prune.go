package disk

import "net/netip"

// Prune frees the addresses of an earlier boot that are not within the network's
// ranges, of which ranges is a description: nobody else will, once a network has got
// others. It looks through all leases when the ranges are new, and once per boot.
func (t *Tx) Prune(ranges string, within func(netip.Addr) bool) error {
	key := uint32(hash(ranges)) | 1
	if !t.index.usable || t.index.pruned == key {
		return nil
	}
	var beyond []netip.Addr
	t.ask(func() {
		beyond = nil
		t.index.all(func(r record) {
			if t.index.isInherited(r.since) && !within(r.addr) {
				beyond = append(beyond, r.addr)
			}
		})
	})
	for _, addr := range beyond {
		l, err := t.lease(addr)
		if err != nil {
			return err
		}
		if l != nil && t.index.isInherited(l.since) {
			t.plan(change{addr, l, nil})
		}
	}
	t.index.pruned = key
	return t.err
}

// Retain frees all addresses but those for whose holder keep returns true, and
// removes files without holder. The interface name is empty for a lease whose
// file has none. Retain reads the files of all leases; those that it cannot read
// stay.
func (t *Tx) Retain(keep func(id, ifname string) bool) error {
	var kept []record
	err := t.dir.each(func(addr netip.Addr, l *lease) {
		if l != nil && (l.id == "" || keep(l.id, l.ifname)) {
			kept = append(kept, newRecord(addr, l))
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
	return nil
}
