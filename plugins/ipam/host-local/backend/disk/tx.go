package disk

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend"
)

// Tx collects changes of a Store, in the order in which they are made. It
// answers as if they were made already. Nothing is written before Commit, so that
// an allocation that fails leaves no trace. The Store's lock must be held from
// Begin to Close.
type Tx struct {
	dir     directory
	index   *index
	changes []change
	last    []lastReserved
	err     error // the first that a method without error result met
	// unread is why a file could not be read that may be that of a lease to free.
	unread error
}

var _ backend.Pool = (*Tx)(nil)

// change is what happens to one address. A nil lease means that it is free.
type change struct {
	addr          netip.Addr
	before, after *lease
}

// Begin looks at the store as it is now.
func (s *Store) Begin() (*Tx, error) {
	x, err := openIndex(s.dir)
	if err != nil {
		x.close()
		return nil, err
	}
	if !x.loaded {
		// Spares the next one from reading all files. Where it fails, as in a
		// directory that cannot be written, all still works.
		_ = s.dir.remove(tempName)
		_ = x.save()
	}
	return &Tx{dir: s.dir, index: x}, nil
}

// Lock does nothing: the lock is the Store's.
func (t *Tx) Lock() error { return nil }

// Unlock does nothing.
func (t *Tx) Unlock() error { return nil }

// Close ends the transaction.
func (t *Tx) Close() error { return t.index.close() }

// Reserve makes a reservation, and keeps ip as the last one that rangeID gave
// out. It returns false if somebody has ip, unless that is from an earlier boot.
// An address that the same container had in an earlier boot does not count as
// given out.
func (t *Tx) Reserve(id string, ifname string, ip net.IP, rangeID string) (bool, error) {
	addr, ok := toAddr(ip)
	if !ok {
		return false, fmt.Errorf("reserve %v: no IP address", ip)
	}
	before, err := t.lease(addr)
	if err != nil {
		return false, err
	}
	if before != nil && !t.index.isInherited(before.since) {
		return false, t.correct(addr)
	}
	after := &lease{holder: newHolder(id, ifname), since: t.index.now()}
	t.plan(change{addr, before, after})
	if before == nil || before.id != after.id {
		t.last = append(t.last, lastReserved{rangeID: rangeID, ip: addr.String()})
	}
	return true, nil
}

// LastReservedIP returns the address that rangeID gave out last.
func (t *Tx) LastReservedIP(rangeID string) (net.IP, error) {
	for _, last := range slices.Backward(t.last) {
		if last.rangeID == rangeID {
			return net.ParseIP(last.ip), nil
		}
	}
	return t.dir.lastReserved(rangeID)
}

// GetByID returns the addresses of a container's interface, and those that the
// container has by a file without interface name.
func (t *Tx) GetByID(id string, ifname string) []net.IP {
	own, anonymous := t.find(newHolder(id, ifname))
	return toIPs(append(own, anonymous...))
}

// Inherited returns those addresses of GetByID that are from an earlier boot.
func (t *Tx) Inherited(id string, ifname string) []net.IP {
	own, anonymous := t.find(newHolder(id, ifname))
	return toIPs(slices.DeleteFunc(append(own, anonymous...), func(h held) bool {
		return !t.index.isInherited(h.lease.since)
	}))
}

// OldestInherited returns the address of the oldest lease from an earlier boot,
// of those whose address matches.
func (t *Tx) OldestInherited(match func(netip.Addr) bool) (netip.Addr, bool) {
	var oldest record
	t.ask(func() {
		oldest = record{}
		t.index.all(func(r record) {
			if t.index.isInherited(r.since) && match(r.addr) &&
				(!oldest.addr.IsValid() || r.since.Before(oldest.since)) {
				oldest = r
			}
		})
	})
	return oldest.addr, oldest.addr.IsValid()
}

// Err returns the first error that a method without error result met. Commit
// returns it as well.
func (t *Tx) Err() error { return t.err }

// FirstFree returns the lowest address from lo to hi that is free.
func (t *Tx) FirstFree(lo, hi netip.Addr) (netip.Addr, bool) {
	var addr netip.Addr
	var ok bool
	t.ask(func() { addr, ok = t.index.firstFree(lo, hi) })
	return addr, ok
}

// ReleaseByID frees the addresses of a container's interface or, if there are
// none, those that the container has by a file without interface name. If a file could
// not be read that may be one of those, Commit frees the others and returns why.
func (t *Tx) ReleaseByID(id string, ifname string) error {
	own, anonymous := t.find(newHolder(id, ifname))
	if len(own) == 0 {
		own = anonymous
	}
	t.release(own)
	t.unread = t.index.unread
	return t.err
}

// ReleaseOwn frees and returns those addresses that a container's interface has by its own
// name and that match.
func (t *Tx) ReleaseOwn(id string, ifname string, match func(netip.Addr) bool) []netip.Addr {
	own, _ := t.find(newHolder(id, ifname))
	own = slices.DeleteFunc(own, func(h held) bool { return !match(h.addr) })
	t.release(own)
	var addrs []netip.Addr
	for _, h := range own {
		addrs = append(addrs, h.addr)
	}
	return addrs
}

// Supersede frees what a container's interface has left from an earlier boot,
// beyond what it got again by Reserve.
func (t *Tx) Supersede(id string, ifname string) error {
	own, _ := t.find(newHolder(id, ifname))
	t.release(slices.DeleteFunc(own, func(h held) bool {
		return !t.index.isInherited(h.lease.since)
	}))
	return t.err
}

// held is a lease with its address.
type held struct {
	addr  netip.Addr
	lease *lease
}

// find returns what a holder has: by its own name, and by files with nothing but
// the container id.
func (t *Tx) find(h holder) (own, anonymous []held) {
	all, ok := t.byID(h.id)
	if !ok {
		t.fail(t.rescan())
		all, _ = t.byID(h.id)
	}
	for _, a := range all {
		switch a.lease.ifname {
		case h.ifname:
			own = append(own, a)
		case "":
			anonymous = append(anonymous, a)
		}
	}
	return own, anonymous
}

// byID returns the leases of a container. It returns false if a file is not
// what the index says.
func (t *Tx) byID(id string) (all []held, ok bool) {
	var addrs []netip.Addr
	t.ask(func() { addrs = t.index.byID(id) })
	ok = true
	for _, addr := range addrs {
		l, err := t.lease(addr)
		switch {
		case err != nil:
			t.fail(err)
		case l == nil || l.id != id:
			ok = false
		default:
			all = append(all, held{addr, l})
		}
	}
	return all, ok
}

// lease returns the lease on addr, or nil if it is free. It is read from the
// file, unless a change of it is planned: the index errs where somebody changed a
// file in place.
func (t *Tx) lease(addr netip.Addr) (*lease, error) {
	for _, c := range slices.Backward(t.changes) {
		if c.addr == addr {
			return c.after, nil
		}
	}
	return t.dir.read(addr)
}

// taken reports whether somebody has ip, in whatever boot.
func (t *Tx) taken(ip net.IP) bool {
	addr, _ := toAddr(ip)
	l, err := t.lease(addr)
	t.fail(err)
	return l != nil
}

// release plans to free addresses.
func (t *Tx) release(all []held) {
	for _, h := range all {
		t.plan(change{h.addr, h.lease, nil})
	}
}

// plan notes a change.
func (t *Tx) plan(c change) {
	t.changes = append(t.changes, c)
	t.index.apply(c)
	if t.index.broken() {
		t.fail(t.rescan())
	}
}

// ask asks the index, once more with an index made anew if its file is broken.
func (t *Tx) ask(question func()) {
	question()
	if t.index.broken() {
		t.fail(t.rescan())
		question()
	}
}

// correct makes up for an index that takes addr for free, if it does.
func (t *Tx) correct(addr netip.Addr) error {
	if free, ok := t.FirstFree(addr, addr); !ok || free != addr {
		return nil
	}
	return t.rescan()
}

// rescan reads the index anew from the files.
func (t *Tx) rescan() error {
	if err := t.index.scan(); err != nil {
		return err
	}
	_ = t.index.save()
	for _, c := range t.changes {
		t.index.apply(c)
	}
	return nil
}

// fail keeps the first error for a method that can return one.
func (t *Tx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// toAddr returns ip in the form in which addresses are compared here: IPv4 in
// IPv6 as IPv4.
func toAddr(ip net.IP) (netip.Addr, bool) {
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}

func toIPs(all []held) []net.IP {
	var ips []net.IP
	for _, h := range all {
		ips = append(ips, h.addr.AsSlice())
	}
	return ips
}
