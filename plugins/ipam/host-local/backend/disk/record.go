package disk

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"time"
)

// record is what the index knows of a lease.
type record struct {
	addr  netip.Addr
	id    uint64 // hash of the container id
	since time.Time
}

// recordSize is the size of an encoded record in bytes: the hash in 8, the
// address in 16 (IPv4 mapped to IPv6), nanoseconds since 1970 in 8.
const recordSize = 8 + 16 + 8

func newRecord(addr netip.Addr, l *lease) record {
	return record{addr, hash(l.id), l.since}
}

func (r record) encode() []byte {
	b := make([]byte, recordSize)
	addr := r.addr.As16()
	binary.LittleEndian.PutUint64(b, r.id)
	copy(b[8:], addr[:])
	binary.LittleEndian.PutUint64(b[24:], uint64(r.since.UnixNano()))
	return b
}

func decodeRecord(b []byte) record {
	return record{
		addr:  netip.AddrFrom16([16]byte(b[8:])).Unmap(),
		id:    binary.LittleEndian.Uint64(b),
		since: time.Unix(0, int64(binary.LittleEndian.Uint64(b[24:]))),
	}
}

// block is which of 256 addresses that differ in the last byte are taken: the
// first of them in 16 bytes, and a bit for each. A block with no bit set is not
// kept.
type block []byte

const blockSize = 16 + 256/8

// blockOf returns an empty block for addr.
func blockOf(addr netip.Addr) block {
	b := make(block, blockSize)
	first := addr.As16()
	copy(b, first[:15])
	return b
}

func (b block) word(i int) uint64 { return binary.LittleEndian.Uint64(b[16+8*i:]) }

// set notes whether the address that ends in last is taken.
func (b block) set(last byte, taken bool) {
	bit := byte(1) << (last % 8)
	if taken {
		b[16+last/8] |= bit
	} else {
		b[16+last/8] &^= bit
	}
}

func (b block) empty() bool { return b.word(0)|b.word(1)|b.word(2)|b.word(3) == 0 }

// firstFree returns the last byte of the lowest free address that ends in from
// or more.
func (b block) firstFree(from byte) (byte, bool) {
	for i := int(from / 64); i < 4; i++ {
		free := ^b.word(i)
		if i == int(from/64) {
			free &= ^uint64(0) << (from % 64)
		}
		if free != 0 {
			return byte(i*64 + bits.TrailingZeros64(free)), true
		}
	}
	return 0, false
}

// next returns the lowest address behind the block, invalid behind the last.
func (b block) next() netip.Addr {
	last := [16]byte(b[:16])
	last[15] = 255
	return netip.AddrFrom16(last).Next().Unmap()
}

// address returns the address of the block that ends in last.
func (b block) address(last byte) netip.Addr {
	addr := [16]byte(b[:16])
	addr[15] = last
	return netip.AddrFrom16(addr).Unmap()
}
