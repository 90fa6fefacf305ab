package nft

import (
	"net"

	"golang.org/x/sys/unix"
)

// Expr is one step of a rule: it loads something into a register, goes on only
// if a register matches, or decides about the packet.
type Expr struct {
	name       string
	attributes attributes
}

func newExpr(name string, fill func(*attributes)) Expr {
	e := Expr{name: name}
	fill(&e.attributes)
	return e
}

func (e Expr) encode(a *attributes) {
	a.text(unix.NFTA_EXPR_NAME, e.name)
	a.bytes(unix.NFTA_EXPR_DATA|unix.NLA_F_NESTED, e.attributes)
}

// Register holds what rules work with. Register 1 takes up to 16 bytes and is
// enough for all but concatenations, whose parts follow each other in registers
// of four bytes.
type Register uint32

// Register1 is the first register, of 16 bytes.
const Register1 Register = unix.NFT_REG_1

// Part returns the register that begins n times four bytes behind the start of
// Register1; n is at most 15.
func Part(n int) Register { return Register(unix.NFT_REG32_00 + n) }

// Meta loads something about a packet, unix.NFT_META_*.
func Meta(to Register, key uint32) Expr {
	return newExpr("meta", func(a *attributes) {
		a.uint32(unix.NFTA_META_KEY, key)
		a.uint32(unix.NFTA_META_DREG, uint32(to))
	})
}

// Field is a part of one of a packet's headers.
type Field struct {
	Base           uint32 // unix.NFT_PAYLOAD_*_HEADER
	Offset, Length uint32 // in bytes
}

// Load loads a field of a packet.
func Load(to Register, f Field) Expr {
	return newExpr("payload", func(a *attributes) {
		a.uint32(unix.NFTA_PAYLOAD_DREG, uint32(to))
		a.uint32(unix.NFTA_PAYLOAD_BASE, f.Base)
		a.uint32(unix.NFTA_PAYLOAD_OFFSET, f.Offset)
		a.uint32(unix.NFTA_PAYLOAD_LEN, f.Length)
	})
}

// Equal goes on if a register has the data.
func Equal(from Register, data []byte) Expr { return compare(from, unix.NFT_CMP_EQ, data) }

// NotEqual goes on unless a register has the data.
func NotEqual(from Register, data []byte) Expr { return compare(from, unix.NFT_CMP_NEQ, data) }

func compare(from Register, op uint32, data []byte) Expr {
	return newExpr("cmp", func(a *attributes) {
		a.uint32(unix.NFTA_CMP_SREG, uint32(from))
		a.uint32(unix.NFTA_CMP_OP, op)
		a.nest(unix.NFTA_CMP_DATA, func(a *attributes) { a.bytes(unix.NFTA_DATA_VALUE, data) })
	})
}

// Mask keeps only those bits of a register that the mask has.
func Mask(in Register, mask []byte) Expr {
	return newExpr("bitwise", func(a *attributes) {
		a.uint32(unix.NFTA_BITWISE_SREG, uint32(in))
		a.uint32(unix.NFTA_BITWISE_DREG, uint32(in))
		a.uint32(unix.NFTA_BITWISE_LEN, uint32(len(mask)))
		a.nest(unix.NFTA_BITWISE_MASK, func(a *attributes) { a.bytes(unix.NFTA_DATA_VALUE, mask) })
		a.nest(unix.NFTA_BITWISE_XOR, func(a *attributes) { a.bytes(unix.NFTA_DATA_VALUE, make([]byte, len(mask))) })
	})
}

// In goes on if a set has what is in a register, and those that follow it.
func In(from Register, set string) Expr {
	return newExpr("lookup", func(a *attributes) {
		a.text(unix.NFTA_LOOKUP_SET, set)
		a.uint32(unix.NFTA_LOOKUP_SREG, uint32(from))
	})
}

// NotIn goes on unless a set has what is in a register, and those that follow it.
func NotIn(from Register, set string) Expr {
	return newExpr("lookup", func(a *attributes) {
		a.text(unix.NFTA_LOOKUP_SET, set)
		a.uint32(unix.NFTA_LOOKUP_SREG, uint32(from))
		a.uint32(unix.NFTA_LOOKUP_FLAGS, unix.NFT_LOOKUP_F_INV)
	})
}

// Decide does what a verdict map has for what is in a register, and those that
// follow it. Without such an element it goes on.
func Decide(from Register, verdictMap string) Expr {
	return newExpr("lookup", func(a *attributes) {
		a.text(unix.NFTA_LOOKUP_SET, verdictMap)
		a.uint32(unix.NFTA_LOOKUP_SREG, uint32(from))
		a.uint32(unix.NFTA_LOOKUP_DREG, unix.NFT_REG_VERDICT)
	})
}

// Verdict is what becomes of a packet.
type Verdict struct {
	code  int32
	chain string
}

// The verdicts without a chain (linux/netfilter.h).
var (
	Drop   = Verdict{code: 0}
	Accept = Verdict{code: 1}
	Return = Verdict{code: unix.NFT_RETURN}
)

// Jump goes on in a chain, and from there comes back.
func Jump(chain string) Verdict { return Verdict{unix.NFT_JUMP, chain} }

// Goto goes on in a chain, and from there does not come back.
func Goto(chain string) Verdict { return Verdict{unix.NFT_GOTO, chain} }

func (v Verdict) encode(a *attributes) {
	a.nest(unix.NFTA_DATA_VERDICT, func(a *attributes) {
		a.uint32(unix.NFTA_VERDICT_CODE, uint32(v.code))
		if v.chain != "" {
			a.text(unix.NFTA_VERDICT_CHAIN, v.chain)
		}
	})
}

// End is the expression that ends a rule with the verdict.
func (v Verdict) End() Expr {
	return newExpr("immediate", func(a *attributes) {
		a.uint32(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT)
		a.nest(unix.NFTA_IMMEDIATE_DATA, v.encode)
	})
}

// randomFully is NF_NAT_RANGE_PROTO_RANDOM_FULLY (linux/netfilter/nf_nat.h).
const randomFully = 1 << 4

// Masquerade gives packets the address of the interface that they leave by, and
// with fully, a source port at random.
func Masquerade(fully bool) Expr {
	return newExpr("masq", func(a *attributes) {
		if fully {
			a.uint32(unix.NFTA_MASQ_FLAGS, randomFully)
		}
	})
}

// AddrType returns the type of addresses like ip.
func AddrType(ip net.IP) Type {
	if ip.To4() != nil {
		return IPv4Addr
	}
	return IPv6Addr
}

// Addr returns an address as data: 4 or 16 bytes.
func Addr(ip net.IP) []byte {
	if v4 := ip.To4(); v4 != nil {
		return v4
	}
	return ip.To16()
}

// Interface returns the name of an interface as data.
func Interface(name string) []byte {
	data := make([]byte, IfName.Len)
	copy(data, name)
	return data
}

// Protocol goes on with packets of the family that ip belongs to. In tables of
// the family Inet, Source and Destination need it in front.
func Protocol(ip net.IP) []Expr {
	family := byte(IPv6)
	if ip.To4() != nil {
		family = byte(IPv4)
	}
	return []Expr{Meta(Register1, unix.NFT_META_NFPROTO), Equal(Register1, []byte{family})}
}

// Source is the source address of packets of ip's family (RFC 791, section 3.1,
// and RFC 8200, section 3).
func Source(ip net.IP) Field {
	if ip.To4() != nil {
		return Field{unix.NFT_PAYLOAD_NETWORK_HEADER, 12, net.IPv4len}
	}
	return Field{unix.NFT_PAYLOAD_NETWORK_HEADER, 8, net.IPv6len}
}

// Destination is the destination address of packets of ip's family.
func Destination(ip net.IP) Field {
	source := Source(ip)
	return Field{source.Base, source.Offset + source.Length, source.Length}
}
