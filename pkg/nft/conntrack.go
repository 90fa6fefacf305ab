package nft

import "golang.org/x/sys/unix"

// Conntrack loads something about the connection that a packet belongs to,
// unix.NFT_CT_*. The numbers have the machine's byte order.
func Conntrack(to Register, key uint32) Expr {
	return newExpr("ct", func(a *attributes) {
		a.uint32(unix.NFTA_CT_KEY, key)
		a.uint32(unix.NFTA_CT_DREG, uint32(to))
	})
}
