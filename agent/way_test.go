package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The way to a podCIDR is through the address of its family where that is on the link, and
// else through the overlay.
func TestPlan(t *testing.T) {
	t.Parallel()
	f := fib{others: []neighbourhood{
		{netip.MustParsePrefix("192.0.2.128/25"), 0}, // behind a gateway
		{netip.MustParsePrefix("2001:db8::/64"), 3},
		{netip.MustParsePrefix("192.0.2.0/24"), 2},
		{netip.MustParsePrefix("0.0.0.0/0"), 0},
	}}
	overlay := &over{link: 9, local: netip.MustParseAddr("192.0.2.1"), inner: []netip.Addr{netip.MustParseAddr("10.244.1.0")}}
	for _, test := range []struct {
		what, nodes   string
		overlay       *over
		ways, without string
	}{
		{"both families", "a 192.0.2.2,2001:db8::2 10.244.2.0/24,fd00:2::/64", nil,
			"10.244.2.0/24 192.0.2.2 2, fd00:2::/64 2001:db8::2 3", ""},
		{"a more specific route leads to a gateway", "a 192.0.2.200 10.244.2.0/24", nil, "", "10.244.2.0/24"},
		{"which the overlay needs not", "a 192.0.2.200 10.244.2.0/24", overlay, "10.244.2.0/24 10.244.2.0 9 10.244.1.0", ""},
		{"no address of the family", "a 192.0.2.2 10.244.2.0/24,fd00:2::/64", nil, "10.244.2.0/24 192.0.2.2 2", "fd00:2::/64"},
		{"the overlay has both", "a 192.0.2.2 10.244.2.0/24,fd00:2::/64", overlay, "10.244.2.0/24 192.0.2.2 2, fd00:2::/64 fd00:2:: 9", ""},
		{"no address that the overlay reaches", "a 2001:db8:1::2 fd00:2::/64", overlay, "", "fd00:2::/64"},
		{"a kubelet that has not come up", "a - 10.244.2.0/24", nil, "", ""},
		{"no podCIDRs yet", "a 192.0.2.2 -", nil, "", ""},
		{"the same podCIDR twice", "a 192.0.2.2 10.244.2.0/24;b 192.0.2.3 10.244.2.0/24", nil, "10.244.2.0/24 192.0.2.2 2", ""},
	} {
		p := newPlan(f, parseNodes(test.nodes), test.overlay)
		var ways, without []string
		for prefix, w := range p.ways {
			way := fmt.Sprint(prefix, " ", w.via, " ", w.link)
			if w.source.IsValid() {
				way += " " + w.source.String()
			}
			ways = append(ways, way)
		}
		slices.Sort(ways)
		for _, prefix := range p.unreachable {
			without = append(without, prefix.String())
		}
		got := [2]string{strings.Join(ways, ", "), strings.Join(without, ", ")}
		if diff := cmp.Diff([2]string{test.ways, test.without}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}

// parseNodes reads "NAME ADDRESSES PODCIDRS; …".
func parseNodes(text string) []node {
	var all []node
	for one := range strings.SplitSeq(text, ";") {
		words := strings.Fields(one)
		n := &apiNode{internalIPs: split(words[1]), podCIDRs: split(words[2])}
		n.Name = words[0]
		all = append(all, n.node())
	}
	return all
}

// split reads a list with commas; a hyphen is an empty one.
func split(text string) []string {
	if text == "-" {
		return nil
	}
	return strings.Split(text, ",")
}
