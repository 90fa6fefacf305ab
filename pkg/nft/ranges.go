package nft

import (
	"bytes"
	"net"
	"slices"
)

// Ranges returns the elements that stand for networks in a set of ranges: the first address
// of each, and the first one behind it, if there is any.
func Ranges(networks []*net.IPNet) []Element {
	var elements []Element
	for _, n := range networks {
		first := Addr(n.IP)
		elements = append(elements, Element{Key: first})
		if behind := firstBehind(first, n.Mask); behind != nil {
			elements = append(elements, Element{Key: behind, EndsRange: true})
		}
	}
	return elements
}

// firstBehind returns the first address behind a network, nil if there is none.
func firstBehind(first []byte, mask net.IPMask) []byte {
	behind := slices.Clone(first)
	for i := range behind {
		behind[i] |= ^mask[i]
	}
	for i := range slices.Backward(behind) {
		if behind[i]++; behind[i] != 0 {
			return behind
		}
	}
	return nil
}

// Compare orders the elements of a set of ranges: by their keys and, as the kernel need not,
// the end of a range before the start of one right behind it.
func (e Element) Compare(other Element) int {
	order := bytes.Compare(e.Key, other.Key)
	switch {
	case order != 0 || e.EndsRange == other.EndsRange:
		return order
	case e.EndsRange:
		return -1
	}
	return 1
}
