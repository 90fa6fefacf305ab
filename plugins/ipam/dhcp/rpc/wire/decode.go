package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// maxMessage bounds a message, and with it what a stream may make us hold.
const maxMessage = 16 << 20

// maxDepth bounds how deep values contain values.
const maxDepth = 32

var errMalformed = errors.New("malformed message")

// Decoder reads values from a stream. After an error it is of no use any more.
type Decoder struct {
	r     *bufio.Reader
	types map[int]definition
}

// definition is a type of the stream.
type definition struct {
	kind      int
	elem, key int
	fields    []field
}

type field struct {
	name string
	id   int
}

// NewDecoder returns a decoder that reads from r.
func NewDecoder(r *bufio.Reader) *Decoder {
	return &Decoder{r: r, types: make(map[int]definition)}
}

// Decode reads the next value into a struct, by the names of fields; nil skips
// the value. Fields that either side lacks are left out.
func (d *Decoder) Decode(into any) error {
	for {
		m, err := d.message()
		if err != nil {
			return err
		}
		id, err := m.int()
		if err != nil {
			return err
		}
		if id < 0 {
			if err := d.define(-int(id), m); err != nil {
				return err
			}
			continue
		}
		v := reflect.ValueOf(into)
		if into == nil {
			return d.skipTop(m, int(id))
		}
		return d.value(m, int(id), v.Elem(), 0)
	}
}

// skipTop skips a whole value, which has a zero in front unless it is a struct.
func (d *Decoder) skipTop(m *message, id int) error {
	if t, ok := d.types[id]; !ok || t.kind != kindStruct {
		if _, err := m.ReadByte(); err != nil {
			return err
		}
	}
	return d.skip(m, id, 0)
}

// message reads the next message.
func (d *Decoder) message() (*message, error) {
	length, err := readUint(d.r)
	if err != nil {
		return nil, err
	}
	if length > maxMessage {
		return nil, fmt.Errorf("message of %d bytes is too long", length)
	}
	// Not allocated at once: the length is only what the other side says.
	data, err := io.ReadAll(io.LimitReader(d.r, int64(length)))
	if err == nil && uint64(len(data)) < length {
		err = io.ErrUnexpectedEOF
	}
	m := message(data)
	return &m, err
}

// define reads the definition of a type.
func (d *Decoder) define(id int, m *message) error {
	if _, taken := d.types[id]; taken || id < firstType-1 || len(d.types) > 1000 {
		return errMalformed
	}
	var t definition
	err := m.each(func(kind int) error {
		t.kind = kind
		return m.each(func(part int) error { return t.read(m, part) })
	})
	d.types[id] = t
	return err
}

// read reads a part of a definition.
func (t *definition) read(m *message, part int) error {
	switch {
	case part == 0: // name and number
		return m.each(func(part int) error {
			if part == 0 {
				_, err := m.bytes()
				return err
			}
			_, err := m.int()
			return err
		})
	case t.kind == kindStruct && part == 1:
		return t.readFields(m)
	case t.kind == kindMap && part == 1:
		key, err := m.int()
		t.key = int(key)
		return err
	case (t.kind == kindSlice || t.kind == kindArray) && part == 1, t.kind == kindMap && part == 2:
		elem, err := m.int()
		t.elem = int(elem)
		return err
	case t.kind == kindArray && part == 2: // its length, which values repeat
		_, err := m.int()
		return err
	}
	return errMalformed
}

func (t *definition) readFields(m *message) error {
	count, err := m.count()
	if err != nil {
		return err
	}
	for range count {
		var f field
		err := m.each(func(part int) error {
			if part == 0 {
				name, err := m.bytes()
				f.name = string(name)
				return err
			}
			id, err := m.int()
			f.id = int(id)
			return err
		})
		if err != nil {
			return err
		}
		t.fields = append(t.fields, f)
	}
	return nil
}

// value reads a value of a type of the stream into v.
func (d *Decoder) value(m *message, id int, v reflect.Value, depth int) error {
	if depth > maxDepth {
		return errMalformed
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return d.value(m, id, v.Elem(), depth+1)
	}
	t, defined := d.types[id]
	switch {
	case defined && t.kind == kindStruct && v.Kind() == reflect.Struct:
		return d.structValue(m, t, v, depth)
	case defined && t.kind == kindSlice && v.Kind() == reflect.Slice:
		return d.sliceValue(m, t, v, depth)
	case id == typeBool && v.Kind() == reflect.Bool, id == typeUint && v.CanUint():
		n, err := m.uint()
		if v.Kind() == reflect.Bool {
			v.SetBool(n != 0)
		} else {
			v.SetUint(n)
		}
		return err
	case id == typeInt && v.CanInt():
		n, err := m.int()
		v.SetInt(n)
		return err
	case id == typeString && v.Kind() == reflect.String:
		text, err := m.bytes()
		v.SetString(string(text))
		return err
	case id == typeBytes && v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		bytes, err := m.bytes()
		v.SetBytes(append([]byte(nil), bytes...))
		return err
	}
	return fmt.Errorf("value of type %d does not fit %v", id, v.Type())
}

func (d *Decoder) structValue(m *message, t definition, v reflect.Value, depth int) error {
	return m.each(func(n int) error {
		if n >= len(t.fields) {
			return errMalformed
		}
		f := t.fields[n]
		if target := v.FieldByName(f.name); target.IsValid() && target.CanSet() {
			return d.value(m, f.id, target, depth+1)
		}
		return d.skip(m, f.id, depth+1)
	})
}

func (d *Decoder) sliceValue(m *message, t definition, v reflect.Value, depth int) error {
	count, err := m.count()
	if err != nil {
		return err
	}
	for range count {
		elem := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(m, t.elem, elem, depth+1); err != nil {
			return err
		}
		v.Set(reflect.Append(v, elem))
	}
	return nil
}

// skip reads a value that nobody wants.
func (d *Decoder) skip(m *message, id, depth int) error {
	if depth > maxDepth {
		return errMalformed
	}
	switch id {
	case typeBool, typeInt, typeUint, typeFloat:
		_, err := m.uint()
		return err
	case typeBytes, typeString:
		_, err := m.bytes()
		return err
	case typeComplex:
		if _, err := m.uint(); err != nil {
			return err
		}
		_, err := m.uint()
		return err
	}
	t, ok := d.types[id]
	if !ok {
		return errMalformed // an interface, or nothing at all
	}
	switch t.kind {
	case kindGobEncoder, kindBinaryMarshaler, kindTextMarshaler:
		_, err := m.bytes()
		return err
	case kindStruct:
		return m.each(func(n int) error {
			if n >= len(t.fields) {
				return errMalformed
			}
			return d.skip(m, t.fields[n].id, depth+1)
		})
	}
	count, err := m.count()
	if err != nil {
		return err
	}
	for range count {
		if t.kind == kindMap {
			if err := d.skip(m, t.key, depth+1); err != nil {
				return err
			}
		}
		if err := d.skip(m, t.elem, depth+1); err != nil {
			return err
		}
	}
	return nil
}
