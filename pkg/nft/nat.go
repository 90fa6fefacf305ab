package nft

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// DestinationPort is the destination port of packets of TCP, UDP, SCTP and others
// that have ports.
func DestinationPort() Field { return Field{unix.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2} }

// Translate replaces what is in a register, and those that follow it, by what a
// map has for it. Without such an element the rule ends.
func Translate(register Register, dataMap string) Expr {
	return newExpr("lookup", func(a *attributes) {
		a.text(unix.NFTA_LOOKUP_SET, dataMap)
		a.uint32(unix.NFTA_LOOKUP_SREG, uint32(register))
		a.uint32(unix.NFTA_LOOKUP_DREG, uint32(register))
	})
}

// DestinationNAT sends the packet, and all of its connection, to the address and
// port of the family that are in the registers.
func DestinationNAT(family Family, address, port Register) Expr {
	return newExpr("nat", func(a *attributes) {
		a.uint32(unix.NFTA_NAT_TYPE, unix.NFT_NAT_DNAT)
		a.uint32(unix.NFTA_NAT_FAMILY, uint32(family))
		a.uint32(unix.NFTA_NAT_REG_ADDR_MIN, uint32(address))
		a.uint32(unix.NFTA_NAT_REG_PROTO_MIN, uint32(port))
	})
}

// ToLocal goes on with packets to an address of the node itself.
func ToLocal() []Expr {
	fib := newExpr("fib", func(a *attributes) {
		a.uint32(unix.NFTA_FIB_DREG, uint32(Register1))
		a.uint32(unix.NFTA_FIB_RESULT, unix.NFT_FIB_RESULT_ADDRTYPE)
		a.uint32(unix.NFTA_FIB_FLAGS, unix.NFTA_FIB_F_DADDR)
	})
	return []Expr{fib, Equal(Register1, binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL))}
}

// isDestinationNAT is IPS_DST_NAT (linux/netfilter/nf_conntrack_common.h).
const isDestinationNAT = 1 << 5

// Redirected goes on with packets of connections whose destination was changed.
func Redirected() []Expr { return Tracked(unix.NFT_CT_STATUS, isDestinationNAT) }
