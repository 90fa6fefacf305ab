package disk

import (
	"encoding/binary"
	"math/bits"
)

// pageSize is how much of an index file is read and written at once, in bytes.
const pageSize = 4096

// A page begins with a checksum of the rest, the number of its records and
// whether it ever had to turn one away. Numbers are little-endian.
const (
	pageCountAt  = 8
	pageFullAt   = 10
	pageRecordAt = 16
)

// page is a bucket of a hash table in the index file.
type page []byte

func newPage() page { return make(page, pageSize) }

func (p page) count() int { return int(binary.LittleEndian.Uint16(p[pageCountAt:])) }

func (p page) setCount(n int) { binary.LittleEndian.PutUint16(p[pageCountAt:], uint16(n)) }

// overflowed reports whether records that belong here may be in later pages.
func (p page) overflowed() bool { return p[pageFullAt] != 0 }

// record returns the i-th record of size bytes.
func (p page) record(i, size int) []byte { return p[pageRecordAt+i*size:][:size:size] }

// insert adds a record. It returns false if the page is full.
func (p page) insert(record []byte) bool {
	n := p.count()
	if n == capacity(len(record)) {
		p[pageFullAt] = 1
		return false
	}
	copy(p.record(n, len(record)), record)
	p.setCount(n + 1)
	return true
}

// remove takes out the i-th record of size bytes; the last one takes its place.
func (p page) remove(i, size int) {
	last := p.count() - 1
	copy(p.record(i, size), p.record(last, size))
	p.setCount(last)
}

// capacity returns how many records of size bytes fit into a page.
func capacity(size int) int { return (pageSize - pageRecordAt) / size }

// seal brings the checksum up to date.
func (p page) seal() { binary.LittleEndian.PutUint64(p, checksum(p[pageCountAt:])) }

// intact reports whether p is a sealed page of records of size bytes.
func (p page) intact(size int) bool {
	return binary.LittleEndian.Uint64(p) == checksum(p[pageCountAt:]) && p.count() <= capacity(size)
}

const (
	fnvOffset uint64 = 14695981039346656037
	fnvPrime  uint64 = 1099511628211
)

// checksum mixes data, whose length is a multiple of 8, word by word as FNV-1a
// does byte by byte; the rotation lets the high bits of a word matter.
func checksum(data []byte) uint64 {
	h := fnvOffset
	for ; len(data) > 0; data = data[8:] {
		h = bits.RotateLeft64((h^binary.LittleEndian.Uint64(data))*fnvPrime, 29)
	}
	return h
}

// hash is FNV-1a.
func hash[T string | []byte](key T) uint64 {
	h := fnvOffset
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * fnvPrime
	}
	return h
}
