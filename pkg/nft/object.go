package nft

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// Family is the kind of packets that a table sees.
type Family byte

// The families.
const (
	Inet   Family = unix.NFPROTO_INET
	IPv4   Family = unix.NFPROTO_IPV4
	IPv6   Family = unix.NFPROTO_IPV6
	Bridge Family = unix.NFPROTO_BRIDGE
)

// String returns the family as nft(8) writes it.
func (f Family) String() string {
	switch f {
	case Inet:
		return "inet"
	case IPv4:
		return "ip"
	case IPv6:
		return "ip6"
	case Bridge:
		return "bridge"
	}
	return strconv.Itoa(int(f))
}

// Table holds chains and sets.
type Table struct {
	Family  Family
	Name    string
	Comment string // kept by Linux 5.10 and later
}

func (t Table) String() string { return t.Family.String() + " " + t.Name }

// Chain holds rules.
type Chain struct {
	Name    string
	Comment string // kept by Linux 5.10 and later
	// Base makes it a base chain, which packets enter from the kernel. Nil: other
	// chains jump to it.
	Base *Base
}

// Base says where packets enter a base chain.
type Base struct {
	Type     string // "filter", "nat" or "route"
	Hook     uint32 // unix.NF_INET_POST_ROUTING, for example
	Priority int32
	// Drop is the policy for packets that no rule decided about. Default: accept.
	Drop bool
}

// Rule is part of a chain.
type Rule struct {
	Exprs   []Expr
	Comment string // cut after MaxComment bytes
}

// MaxComment is the length that comments are cut to, in bytes. nft(8) takes no
// longer ones when it reads back what it listed; the kernel would keep 251.
const MaxComment = 128

// Type is a type of data, by nft(8)'s number for it, with its length in bytes.
type Type struct{ ID, Len uint32 }

// Types of keys and values. The byte order is the network's, but for Mark,
// which has the machine's. IfName is a name with zeros behind it.
var (
	IPv4Addr    = Type{7, 4}
	IPv6Addr    = Type{8, 16}
	EtherAddr   = Type{9, 6}
	InetProto   = Type{12, 1}
	InetService = Type{13, 2}
	Mark        = Type{19, 4}
	IfName      = Type{41, unix.IFNAMSIZ}
)

// Set is a set of keys or, with Value or Verdicts, a map.
type Set struct {
	Name    string
	Comment string // kept by Linux 5.10 and later
	// Key is the type of the keys; several make a concatenation, of five at most.
	// In a key, each part is filled with zeros to a multiple of four bytes: see
	// Concat.
	Key []Type
	// TypeOf says where the parts of a key come from, if any of them is an Integer.
	TypeOf []Origin
	// Value is the type of a map's values.
	Value []Type
	// Verdicts makes it a verdict map.
	Verdicts bool
	// Ranges makes it a set of ranges of keys: see Ranges.
	Ranges bool
}

// Element is part of a set or map.
type Element struct {
	Key     []byte
	Value   []byte
	Verdict *Verdict
	Comment string // cut after MaxComment bytes
	// EndsRange says, in a set of ranges, that the key is the first one behind a range
	// that begins with the last smaller key. Only of elements that are found.
	EndsRange bool

	// data is the value or verdict of one that is found, as the kernel has it.
	data attributes
}

// Concat returns the key, or value, that consists of the parts.
func Concat(parts ...[]byte) []byte {
	var key []byte
	for _, p := range parts {
		key = pad(append(key, p...))
	}
	return key
}
