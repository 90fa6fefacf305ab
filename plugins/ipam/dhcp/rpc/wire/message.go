package wire

import "io"

// message is what is left to read of a message.
type message []byte

// ReadByte makes a message an io.ByteReader.
func (m *message) ReadByte() (byte, error) {
	if len(*m) == 0 {
		return 0, errMalformed
	}
	b := (*m)[0]
	*m = (*m)[1:]
	return b, nil
}

func (m *message) uint() (uint64, error) { return readUint(m) }

func (m *message) int() (int64, error) {
	n, err := m.uint()
	if n&1 != 0 {
		return ^int64(n >> 1), err
	}
	return int64(n >> 1), err
}

// count reads the length of a list. Each member takes a byte at least.
func (m *message) count() (int, error) {
	n, err := m.uint()
	if err != nil {
		return 0, err
	}
	if n > uint64(len(*m)) {
		return 0, errMalformed
	}
	return int(n), nil
}

func (m *message) bytes() ([]byte, error) {
	n, err := m.count()
	if err != nil {
		return nil, err
	}
	b := (*m)[:n]
	*m = (*m)[n:]
	return b, nil
}

// each calls read for each field of a struct with the field's number. A struct
// has pairs of a field's distance from the one before and its value, and a zero
// at the end.
func (m *message) each(read func(number int) error) error {
	number := -1
	for {
		distance, err := m.uint()
		if err != nil {
			return err
		}
		if distance == 0 {
			return nil
		}
		if distance > 1<<16 || number > 1<<16 {
			return errMalformed
		}
		number += int(distance)
		if err := read(number); err != nil {
			return err
		}
	}
}

func readUint(r io.ByteReader) (uint64, error) {
	first, err := r.ReadByte()
	if err != nil || first < 0x80 {
		return uint64(first), err
	}
	count := -int(int8(first))
	if count > 8 {
		return 0, errMalformed
	}
	var n uint64
	for range count {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		n = n<<8 | uint64(b)
	}
	return n, nil
}
