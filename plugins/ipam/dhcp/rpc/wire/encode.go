package wire

import (
	"fmt"
	"io"
	"math/bits"
	"reflect"
)

// Encoder writes values to a stream.
type Encoder struct {
	w     io.Writer
	types map[reflect.Type]int
	// out are the messages of the value that is being encoded.
	out []byte
}

// NewEncoder returns an encoder that writes to w.
func NewEncoder(w io.Writer) *Encoder {
	return &Encoder{w: w, types: make(map[reflect.Type]int)}
}

// Encode writes structs, each in one or more messages, all at once.
func (e *Encoder) Encode(values ...any) error {
	e.out = nil
	for _, value := range values {
		v := reflect.Indirect(reflect.ValueOf(value))
		if v.Kind() != reflect.Struct {
			return fmt.Errorf("encode %T: not a struct", value)
		}
		id, err := e.define(v.Type())
		if err != nil {
			return fmt.Errorf("encode %T: %w", value, err)
		}
		e.message(appendValue(appendInt(nil, int64(id)), v))
	}
	_, err := e.w.Write(e.out)
	return err
}

func (e *Encoder) message(content []byte) {
	e.out = append(appendUint(e.out, uint64(len(content))), content...)
}

// define returns the number of a type, after its definition if it is new.
func (e *Encoder) define(t reflect.Type) (int, error) {
	switch t.Kind() {
	case reflect.Pointer:
		return e.define(t.Elem())
	case reflect.Bool:
		return typeBool, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return typeInt, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return typeUint, nil
	case reflect.String:
		return typeString, nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return typeBytes, nil
		}
	case reflect.Struct:
	default:
		return 0, fmt.Errorf("type %v is not supported", t)
	}
	if id, ok := e.types[t]; ok {
		return id, nil
	}
	id := firstType + len(e.types)
	e.types[t] = id
	body, err := e.definition(t, id)
	if err != nil {
		return 0, err
	}
	e.message(append(appendInt(nil, int64(-id)), body...))
	return id, nil
}

// definition is the value of gob's wireType: one field for the kind, whose first
// field has the name and number of the type, and whose second what it consists
// of.
func (e *Encoder) definition(t reflect.Type, id int) ([]byte, error) {
	common := appendUint(nil, 1)
	if t.Name() == "" {
		common = append(common, 2)
	} else {
		common = append(appendString(append(common, 1), t.Name()), 1)
	}
	common = append(appendInt(common, int64(id)), 0)
	if t.Kind() == reflect.Slice {
		elem, err := e.define(t.Elem())
		return append(appendInt(append(append([]byte{kindSlice + 1}, common...), 1), int64(elem)), 0, 0), err
	}
	out := append([]byte{kindStruct + 1}, common...)
	if t.NumField() > 0 {
		out = appendUint(append(out, 1), uint64(t.NumField()))
	}
	for i := range t.NumField() {
		field := t.Field(i)
		id, err := e.define(field.Type)
		if err != nil {
			return nil, err
		}
		out = append(appendString(append(out, 1), field.Name), 1)
		out = append(appendInt(out, int64(id)), 0)
	}
	return append(out, 0, 0), nil
}

// appendValue writes a value that has been found to be of a supported type.
func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return appendValue(b, reflect.Zero(v.Type().Elem()))
		}
		return appendValue(b, v.Elem())
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return appendInt(b, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return appendUint(b, v.Uint())
	case reflect.String:
		return appendString(b, v.String())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return appendString(b, string(v.Bytes()))
		}
		b = appendUint(b, uint64(v.Len()))
		for i := range v.Len() {
			b = appendValue(b, v.Index(i))
		}
		return b
	}
	last := -1
	for i := range v.NumField() {
		if field := v.Field(i); !isZero(field) {
			b = appendValue(appendUint(b, uint64(i-last)), field)
			last = i
		}
	}
	return append(b, 0)
}

// isZero reports whether a field is left out.
func isZero(v reflect.Value) bool {
	if v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	return v.IsZero()
}

// appendUint writes a number up to 127 as a byte, and others as their bytes
// after the negative count of these.
func appendUint(b []byte, n uint64) []byte {
	if n < 0x80 {
		return append(b, byte(n))
	}
	count := (bits.Len64(n) + 7) / 8
	b = append(b, byte(-count))
	for i := count - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// appendInt keeps the sign in the lowest bit.
func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendUint(b, uint64(^n)<<1|1)
	}
	return appendUint(b, uint64(n)<<1)
}

func appendString(b []byte, s string) []byte {
	return append(appendUint(b, uint64(len(s))), s...)
}
