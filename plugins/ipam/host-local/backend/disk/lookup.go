package disk

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// byID returns the addresses of a container.
func (x *index) byID(id string) []netip.Addr {
	key := hash(id)
	var addrs []netip.Addr
	x.leases.each(key, func(b []byte) bool {
		if r := decodeRecord(b); r.id == key {
			addrs = append(addrs, r.addr)
		}
		return false
	})
	return addrs
}

// all calls visit for all leases.
func (x *index) all(visit func(record)) {
	x.leases.all(func(b []byte) { visit(decodeRecord(b)) })
}

// firstFree returns the lowest address from lo to hi that has no lease.
func (x *index) firstFree(lo, hi netip.Addr) (netip.Addr, bool) {
	for lo.IsValid() && !hi.Less(lo) {
		b := x.block(lo)
		if last, ok := b.firstFree(lastByte(lo)); ok {
			addr := b.address(last)
			return addr, !hi.Less(addr)
		}
		lo = b.next()
	}
	return netip.Addr{}, false
}

// block returns a copy of the block of addr.
func (x *index) block(addr netip.Addr) block {
	found := blockOf(addr)
	x.blocks.each(found.hash(), func(b []byte) bool {
		if !bytes.Equal(b[:16], found[:16]) {
			return false
		}
		copy(found, b)
		return true
	})
	return found
}

func (b block) hash() uint64 { return hash([]byte(b[:16])) }

// apply makes a change in the tables.
func (x *index) apply(c change) {
	if c.before != nil {
		x.remove(newRecord(c.addr, c.before))
	}
	if c.after != nil {
		x.insert(newRecord(c.addr, c.after))
	}
}

// insert adds the record of a free address.
func (x *index) insert(r record) {
	x.grow()
	x.leases.insert(r.id, r.encode())
	x.mark(r.addr, true)
}

// remove removes the record of a lease, as far as it is there.
func (x *index) remove(r record) {
	x.leases.update(r.id, func(b []byte) verdict {
		if old := decodeRecord(b); old.id != r.id || old.addr != r.addr {
			return other
		}
		return removed
	})
	x.mark(r.addr, false)
}

// mark notes whether addr is taken.
func (x *index) mark(addr netip.Addr, taken bool) {
	own := blockOf(addr)
	found := x.blocks.update(own.hash(), func(b []byte) verdict {
		if !bytes.Equal(b[:16], own[:16]) {
			return other
		}
		block(b).set(lastByte(addr), taken)
		if block(b).empty() {
			return removed
		}
		return changed
	})
	if !found && taken {
		own.set(lastByte(addr), true)
		x.blocks.insert(own.hash(), own)
	}
}

// grow makes larger tables if one is crowded.
func (x *index) grow() {
	if !x.leases.crowded() && !x.blocks.crowded() {
		return
	}
	leases, blocks := newTable(2*x.leases.count, recordSize), newTable(2*x.blocks.count, blockSize)
	x.leases.all(func(b []byte) { leases.insert(binary.LittleEndian.Uint64(b), b) })
	x.blocks.all(func(b []byte) { blocks.insert(block(b).hash(), b) })
	leases.broken, blocks.broken = x.leases.broken, x.blocks.broken
	x.leases, x.blocks, x.loaded = leases, blocks, false
}

// broken reports whether a page could not be read. What was looked up since the
// tables were filled may be wrong then.
func (x *index) broken() bool { return x.leases.broken || x.blocks.broken }

func lastByte(addr netip.Addr) byte {
	b := addr.As16()
	return b[15]
}
