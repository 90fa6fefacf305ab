package nft

import "encoding/binary"

// Origin is where a part of a set's keys comes from: a field of packets, or if
// that has no length, something about them, unix.NFT_META_*.
type Origin struct {
	Field Field
	Meta  uint32
}

// Integer returns the type of a field of n bytes for which nft(8) has no name. A
// set with it needs TypeOf.
func Integer(n uint32) Type { return Type{4, n} }

// Types of user data about where keys come from, and nft(8)'s numbers for its
// kinds of expressions and for headers (nftables, expression.h and proto.h).
const (
	keyTypeOfType = 3
	exprKind      = 0
	exprData      = 1

	payloadKind = 7
	metaKind    = 9
	concatKind  = 13

	metaKey = 0

	payloadProtocol = 0
	payloadField    = 1
	payloadBase     = 2
	payloadOffset   = 3 // in bits, like the length
	payloadLength   = 4
)

// typeOfData returns the user data that tell nft(8) where the parts of keys, of
// which there are several, come from.
func typeOfData(sources []Origin) []byte {
	if len(sources) == 0 {
		return nil
	}
	var parts []byte
	for i, s := range sources {
		parts = append(parts, userData(byte(i), s.encode())...)
	}
	return userData(keyTypeOfType, encodeSource(concatKind, parts))
}

func (s Origin) encode() []byte {
	if s.Field.Length == 0 {
		return encodeSource(metaKind, userNumber(metaKey, s.Meta))
	}
	var data []byte
	data = append(data, userNumber(payloadProtocol, 0)...)
	data = append(data, userNumber(payloadField, 0)...)
	data = append(data, userNumber(payloadBase, s.Field.Base+1)...)
	data = append(data, userNumber(payloadOffset, 8*s.Field.Offset)...)
	return encodeSource(payloadKind, append(data, userNumber(payloadLength, 8*s.Field.Length)...))
}

func encodeSource(kind uint32, data []byte) []byte {
	return append(userNumber(exprKind, kind), userData(exprData, data)...)
}

func userData(kind byte, data []byte) []byte {
	return append([]byte{kind, byte(len(data))}, data...)
}

func userNumber(kind byte, n uint32) []byte {
	return userData(kind, binary.NativeEndian.AppendUint32(nil, n))
}
