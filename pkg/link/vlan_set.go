package link

import (
	"cmp"
	"fmt"
	"slices"
)

// MaxVLAN is the largest identifier that may be in use, 0xfff being reserved
// (IEEE 802.1Q).
const MaxVLAN = 4094

// VLANSet is a set of VLANs, as ranges that are sorted and lie apart.
type VLANSet []VLANRange

// VLANRange is a range of VLAN identifiers, both ends of which belong to it.
type VLANRange struct{ First, Last uint16 }

// String returns "7" or "7-9".
func (r VLANRange) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// With returns the set with a range added.
func (s VLANSet) With(first, last uint16) VLANSet {
	ranges := append(slices.Clone(s), VLANRange{first, last})
	slices.SortFunc(ranges, func(a, b VLANRange) int { return cmp.Compare(a.First, b.First) })
	merged := ranges[:1]
	for _, r := range ranges[1:] {
		end := &merged[len(merged)-1].Last
		if r.First <= *end+1 {
			*end = max(*end, r.Last)
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}

// Without returns the set with one VLAN taken out.
func (s VLANSet) Without(vlan uint16) VLANSet {
	var left VLANSet
	for _, r := range s {
		if vlan < r.First || vlan > r.Last {
			left = append(left, r)
			continue
		}
		if r.First < vlan {
			left = append(left, VLANRange{r.First, vlan - 1})
		}
		if vlan < r.Last {
			left = append(left, VLANRange{vlan + 1, r.Last})
		}
	}
	return left
}

// Has reports whether a VLAN is in the set.
func (s VLANSet) Has(vlan uint16) bool {
	return slices.ContainsFunc(s, func(r VLANRange) bool { return r.First <= vlan && vlan <= r.Last })
}
