package iptables

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// portRange is a port, or several in a row.
type portRange struct{ first, last uint64 }

// withPlainPorts returns an option, if it is about destination ports, in the one form that
// all with the same ports have: that of the match for several, sorted, and with ranges of what
// is in a row. nft(8) makes of a list what it likes.
func withPlainPorts(option string) string {
	option = strings.Replace(option, "--dport ", "--dports ", 1)
	before, list, found := strings.Cut(option, "--dports ")
	if !found {
		return option
	}
	ranges, ok := portRanges(list)
	if !ok {
		return option
	}
	var ports []string
	for _, r := range ranges {
		ports = append(ports, ports16(uint16(r.first), uint16(r.last)))
	}
	return before + "--dports " + strings.Join(ports, ",")
}

// portRanges reads a list of numbers and ranges, and returns them in order, with those as one
// that have no gap between them.
func portRanges(list string) ([]portRange, bool) {
	var all []portRange
	for text := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(text, ":")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 16)
		last, err2 := strconv.ParseUint(to, 10, 16)
		if cmp.Or(err, err2) != nil {
			return nil, false
		}
		all = append(all, portRange{first, last})
	}
	slices.SortFunc(all, func(a, b portRange) int { return cmp.Compare(a.first, b.first) })
	merged := all[:0]
	for _, r := range all {
		if n := len(merged); n > 0 && r.first <= merged[n-1].last+1 {
			merged[n-1].last = max(merged[n-1].last, r.last)
		} else {
			merged = append(merged, r)
		}
	}
	return merged, true
}
