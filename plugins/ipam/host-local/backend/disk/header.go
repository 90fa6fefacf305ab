package disk

import (
	"bytes"
	"encoding/binary"
	"time"
)

// indexMagic begins an index file and names the version of its format.
const indexMagic = "cniidx01"

// bootSize is the length of a boot id in bytes: that of a UUID in text.
const bootSize = 36

// header begins the index file. The tables of leases and of blocks follow at the
// next pages.
type header struct {
	leases, leasePages uint64 // records and pages
	blocks, blockPages uint64
	boot               string // boot id at the last commit
	// pruned stands for the ranges beyond which no lease is left, or for these and the
	// time when some were; 0 for none.
	pruned uint32
	// inherited is the time up to which leases are from an earlier boot, in
	// whole seconds.
	inherited time.Time
	// stamp is the modification time that the directory has as long as nobody
	// changed it after the commit, in whole seconds.
	stamp         time.Time
	device, inode uint64 // of the directory
}

// Where the header's fields are in the file. But for the boot id they are
// little-endian numbers.
const (
	leasesAt     = len(indexMagic)
	leasePagesAt = leasesAt + 8
	blocksAt     = leasePagesAt + 8
	blockPagesAt = blocksAt + 8
	bootAt       = blockPagesAt + 8
	prunedAt     = bootAt + bootSize
	inheritedAt  = prunedAt + 4
	stampAt      = inheritedAt + 8
	deviceAt     = stampAt + 8
	inodeAt      = deviceAt + 8
	checkAt      = inodeAt + 8 // checksum of all before
	headerSize   = checkAt + 8
)

// maxPages bounds what a header may say, far above the files that a directory
// can hold.
const maxPages = 1 << 32

func (h header) encode() []byte {
	b := make([]byte, headerSize)
	copy(b, indexMagic)
	copy(b[bootAt:], h.boot)
	put := binary.LittleEndian.PutUint64
	put(b[leasesAt:], h.leases)
	put(b[leasePagesAt:], h.leasePages)
	put(b[blocksAt:], h.blocks)
	put(b[blockPagesAt:], h.blockPages)
	binary.LittleEndian.PutUint32(b[prunedAt:], h.pruned)
	put(b[inheritedAt:], uint64(h.inherited.Unix()))
	put(b[stampAt:], uint64(h.stamp.Unix()))
	put(b[deviceAt:], h.device)
	put(b[inodeAt:], h.inode)
	put(b[checkAt:], checksum(b[:checkAt]))
	return b
}

// decodeHeader returns the header of an index file, and false if it is none.
func decodeHeader(b []byte) (header, bool) {
	get := binary.LittleEndian.Uint64
	if len(b) < headerSize || string(b[:leasesAt]) != indexMagic || get(b[checkAt:]) != checksum(b[:checkAt]) {
		return header{}, false
	}
	h := header{
		leases: get(b[leasesAt:]), leasePages: get(b[leasePagesAt:]),
		blocks: get(b[blocksAt:]), blockPages: get(b[blockPagesAt:]),
		boot:      string(bytes.TrimRight(b[bootAt:bootAt+bootSize], "\x00")),
		pruned:    binary.LittleEndian.Uint32(b[prunedAt:]),
		inherited: time.Unix(int64(get(b[inheritedAt:])), 0),
		stamp:     time.Unix(int64(get(b[stampAt:])), 0),
		device:    get(b[deviceAt:]), inode: get(b[inodeAt:]),
	}
	ok := h.leasePages > 0 && h.leasePages < maxPages && h.blockPages > 0 && h.blockPages < maxPages
	return h, ok
}
