package nft

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Numbers that golang.org/x/sys/unix lacks (linux/netfilter/nf_tables.h).
const (
	attrSetDescConcat = 2
	attrSetFieldLen   = 1
	setConcat         = 0x80
)

// AddSet makes a set or map, which must not exist.
func (t *Transaction) AddSet(table Table, s Set) {
	t.add(message{kind: unix.NFT_MSG_NEWSET, flags: exclusive, what: fmt.Sprintf("add set %s %s", table, s.Name)}, table, func(a *attributes) {
		setName(a, table, s.Name)
		// The kernel wants a number to refer to a new set by, though only sets
		// without a name need it. It must differ within the transaction.
		a.uint32(unix.NFTA_SET_ID, uint32(t.Len()+1))
		s.encode(a)
	})
}

func (s Set) encode(a *attributes) {
	key, value := concatenation(s.Key), concatenation(s.Value)
	flags := uint32(unix.NFT_SET_TIMEOUT) // no element has a timeout before it is deleted: see expire
	if s.Verdicts || value.Len > 0 {
		flags |= unix.NFT_SET_MAP
	}
	if len(s.Key) > 1 {
		flags |= setConcat
	}
	if s.Ranges {
		flags = unix.NFT_SET_INTERVAL
	}
	a.uint32(unix.NFTA_SET_FLAGS, flags)
	a.uint32(unix.NFTA_SET_KEY_TYPE, key.ID)
	a.uint32(unix.NFTA_SET_KEY_LEN, key.Len)
	switch {
	case s.Verdicts:
		a.uint32(unix.NFTA_SET_DATA_TYPE, unix.NFT_DATA_VERDICT)
	case value.Len > 0:
		a.uint32(unix.NFTA_SET_DATA_TYPE, value.ID)
		a.uint32(unix.NFTA_SET_DATA_LEN, value.Len)
	}
	if len(s.Key) > 1 {
		a.nest(unix.NFTA_SET_DESC, func(a *attributes) { a.nest(attrSetDescConcat, s.encodeParts) })
	}
	data := append(orderData(keyOrderType, s.Key), orderData(valueOrderType, s.Value)...)
	data = append(data, typeOfData(s.TypeOf)...)
	if s.Comment != "" {
		data = append(data, commentData(setCommentType, s.Comment)...)
	}
	if data != nil {
		a.bytes(unix.NFTA_SET_USERDATA, data)
	}
}

func (s Set) encodeParts(a *attributes) {
	for _, part := range s.Key {
		a.nest(unix.NFTA_LIST_ELEM, func(a *attributes) { a.uint32(attrSetFieldLen, part.Len) })
	}
}

// concatenation returns the type that the parts make together. Its number has
// six bits for each part (nftables, datatype.h, TYPE_BITS).
func concatenation(parts []Type) Type {
	if len(parts) == 1 {
		return parts[0]
	}
	var all Type
	for _, p := range parts {
		all.ID = all.ID<<6 | p.ID
		all.Len += (p.Len + 3) / 4 * 4
	}
	return all
}

// DeleteSet deletes a set or map with its elements. No rule may use it any longer.
func (t *Transaction) DeleteSet(table Table, set string) {
	t.add(message{kind: unix.NFT_MSG_DELSET, what: fmt.Sprintf("delete set %s %s", table, set)}, table, func(a *attributes) {
		setName(a, table, set)
	})
}

// AddElement adds elements to a set or map, which must not have their keys.
func (t *Transaction) AddElement(table Table, set string, elements ...Element) {
	what := fmt.Sprintf("add element to set %s %s", table, set)
	t.made += len(elements)
	for some := range slices.Chunk(elements, maxElements) {
		t.add(message{kind: unix.NFT_MSG_NEWSETELEM, flags: exclusive, what: what}, table, func(a *attributes) { elementOf(a, table, set, some...) })
	}
}

// maxElements is how many elements are in one message. An attribute, which has all of
// them, has 64 KiB at most.
const maxElements = 200

// ClearSet deletes all elements of a set or map.
func (t *Transaction) ClearSet(table Table, set string) {
	what := fmt.Sprintf("delete all elements of set %s %s", table, set)
	t.add(message{kind: unix.NFT_MSG_DELSETELEM, what: what}, table, func(a *attributes) { elementsOf(a, table, set) })
}

// DeleteElement deletes the element with the key.
func (t *Transaction) DeleteElement(table Table, set string, key []byte) {
	t.deleted = append(t.deleted, place{table, set, key})
	what := fmt.Sprintf("delete element of set %s %s", table, set)
	t.add(message{kind: unix.NFT_MSG_DELSETELEM, what: what}, table, func(a *attributes) { elementOf(a, table, set, Element{Key: key}) })
}

func setName(a *attributes, table Table, set string) {
	a.text(unix.NFTA_SET_TABLE, table.Name)
	a.text(unix.NFTA_SET_NAME, set)
}

func elementsOf(a *attributes, table Table, set string) {
	a.text(unix.NFTA_SET_ELEM_LIST_TABLE, table.Name)
	a.text(unix.NFTA_SET_ELEM_LIST_SET, set)
}

func elementOf(a *attributes, table Table, set string, elements ...Element) {
	elementsOf(a, table, set)
	a.nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS, func(a *attributes) {
		for _, x := range elements {
			a.nest(unix.NFTA_LIST_ELEM, x.encode)
		}
	})
}

func (x Element) encode(a *attributes) {
	a.nest(unix.NFTA_SET_ELEM_KEY, func(a *attributes) { a.bytes(unix.NFTA_DATA_VALUE, x.Key) })
	switch {
	case x.Verdict != nil:
		a.nest(unix.NFTA_SET_ELEM_DATA, x.Verdict.encode)
	case x.Value != nil:
		a.nest(unix.NFTA_SET_ELEM_DATA, func(a *attributes) { a.bytes(unix.NFTA_DATA_VALUE, x.Value) })
	}
	if x.EndsRange {
		a.uint32(unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END)
	}
	if x.Comment != "" {
		a.bytes(unix.NFTA_SET_ELEM_USERDATA, commentData(commentType, x.Comment))
	}
}

// decodeElements returns the elements in a message.
func decodeElements(body attributes) []Element {
	var found []Element
	for kind, list := range body.all() {
		if kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			continue
		}
		for _, element := range list.all() {
			if !isDying(element) {
				found = append(found, decodeElement(element))
			}
		}
	}
	return found
}

func decodeElement(element attributes) Element {
	var x Element
	for kind, data := range element.all() {
		switch kind {
		case unix.NFTA_SET_ELEM_KEY:
			x.Key = decodeValue(data)
		case unix.NFTA_SET_ELEM_DATA:
			x.Value, x.data = decodeValue(data), data
		case unix.NFTA_SET_ELEM_USERDATA:
			x.Comment = commentOf(data)
		case unix.NFTA_SET_ELEM_FLAGS:
			x.EndsRange = data.number()&unix.NFT_SET_ELEM_INTERVAL_END != 0
		}
	}
	return x
}

// decodeValue returns data that are no verdict.
func decodeValue(data attributes) []byte { return data.first(unix.NFTA_DATA_VALUE) }
