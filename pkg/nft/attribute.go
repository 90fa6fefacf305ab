package nft

import (
	"encoding/binary"
	"iter"

	"golang.org/x/sys/unix"
)

// attributes are netlink attributes one behind the other (struct nlattr), with
// numbers in the network's byte order, as nfnetlink has them.
type attributes []byte

// header is the size of an attribute's length and type.
const header = unix.SizeofNlAttr

func (a *attributes) bytes(kind uint16, data []byte) {
	*a = binary.NativeEndian.AppendUint16(*a, uint16(header+len(data)))
	*a = binary.NativeEndian.AppendUint16(*a, kind)
	*a = append(*a, data...)
	*a = pad(*a)
}

// pad fills up with zeros to a multiple of four bytes: attributes, messages and
// the parts of a concatenation all begin at one.
func pad(data []byte) []byte {
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	return data
}

func (a *attributes) text(kind uint16, text string) { a.bytes(kind, append([]byte(text), 0)) }

func (a *attributes) uint32(kind uint16, n uint32) {
	a.bytes(kind, binary.BigEndian.AppendUint32(nil, n))
}

func (a *attributes) uint64(kind uint16, n uint64) {
	a.bytes(kind, binary.BigEndian.AppendUint64(nil, n))
}

// nest adds an attribute that consists of those that fill adds.
func (a *attributes) nest(kind uint16, fill func(*attributes)) {
	var inner attributes
	fill(&inner)
	a.bytes(kind|unix.NLA_F_NESTED, inner)
}

// all returns the type and data of each attribute, without the flags in the type.
// It ends at the first one that is not whole.
func (a attributes) all() iter.Seq2[uint16, attributes] {
	return func(yield func(uint16, attributes) bool) {
		for rest := a; len(rest) >= header; {
			length := int(binary.NativeEndian.Uint16(rest))
			kind := binary.NativeEndian.Uint16(rest[2:])
			if length < header || length > len(rest) {
				return
			}
			if !yield(kind&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), rest[header:length]) {
				return
			}
			rest = rest[min((length+3)&^3, len(rest)):]
		}
	}
}

// first returns the data of the first attribute of the type, or nil.
func (a attributes) first(kind uint16) attributes {
	for have, data := range a.all() {
		if have == kind {
			return data
		}
	}
	return nil
}

// number returns an attribute's data as a number, or 0 if they are not one.
func (a attributes) number() uint64 {
	switch len(a) {
	case 4:
		return uint64(binary.BigEndian.Uint32(a))
	case 8:
		return binary.BigEndian.Uint64(a)
	}
	return 0
}
