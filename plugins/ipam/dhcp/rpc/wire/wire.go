// Package wire reads and writes what encoding/gob does, as far as net/rpc needs
// that for structs of strings, numbers, bytes, lists and further structs. It
// exists because a process pays for encoding/gob when it starts, a fifth of a
// millisecond, also if it is a plugin that never uses it but is in the same
// executable.
//
// A stream consists of messages, each with its length in front. A message has
// the number of a type and a value of it or, under the negative number, the
// definition of the type.
package wire

// The types that need no definition, and those that definitions consist of.
const (
	typeBool      = 1
	typeInt       = 2
	typeUint      = 3
	typeFloat     = 4
	typeBytes     = 5
	typeString    = 6
	typeComplex   = 7
	typeInterface = 8

	// firstType is the first number for a type with a definition.
	firstType = 65
)

// The kinds of definition, by the number of their field in a definition.
const (
	kindArray = iota
	kindSlice
	kindStruct
	kindMap
	// Types that encode themselves have bytes as their value.
	kindGobEncoder
	kindBinaryMarshaler
	kindTextMarshaler
)
