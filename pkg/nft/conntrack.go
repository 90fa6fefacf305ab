package nft

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Tracked goes on if what the kernel keeps of the connection that a packet belongs to,
// unix.NFT_CT_STATE or NFT_CT_STATUS, has one of the bits.
func Tracked(key, bits uint32) []Expr {
	mask := binary.NativeEndian.AppendUint32(nil, bits)
	load := newExpr("ct", func(a *attributes) {
		a.uint32(unix.NFTA_CT_KEY, key)
		a.uint32(unix.NFTA_CT_DREG, uint32(Register1))
	})
	return []Expr{load, Mask(Register1, mask), NotEqual(Register1, make([]byte, len(mask)))}
}
