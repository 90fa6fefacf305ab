package nat

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// However many networks there are, and however they lie to each other, a packet passes few
// chains, and in each of them few rules, of which at most one is about it.
func TestBranches(t *testing.T) {
	for name, texts := range networkLists() {
		networks, err := parseNetworks(texts)
		if err != nil {
			t.Fatal(err)
		}
		networks = networksLike(networks[0].IP, networks)
		var leaves []string
		rules := 0
		var descend func(networks []*net.IPNet, depth, passed int)
		descend = func(networks []*net.IPNet, depth, passed int) {
			parts := branches(networks)
			if len(parts) > fanOut || depth > 10 {
				t.Fatalf("%s: %d rules at depth %d", name, len(parts), depth)
			}
			rules = max(rules, passed+len(parts))
			for i, part := range parts {
				if i > 0 && around(parts[i-1]).Contains(around(part).IP) {
					t.Fatalf("%s: %v and %v overlap", name, around(parts[i-1]), around(part))
				}
				if len(part) == 1 {
					leaves = append(leaves, part[0].String())
					continue
				}
				descend(part, depth+1, passed+len(parts))
			}
		}
		descend(networks, 1, 0)
		if diff := cmp.Diff(textsOf(networks), leaves); diff != "" {
			t.Errorf("%s (-want +have):\n%s", name, diff)
		}
		t.Logf("%s: %d networks, at most %d rules", name, len(networks), rules)
	}
}

// networkLists are lists in sizes and shapes from usual to the worst.
func networkLists() map[string][]string {
	lists := map[string][]string{}
	for _, n := range []int{1, 2, 16, 17, 100, 500, 5000} {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		for i := range n {
			row, spread := fmt.Sprint(n, " in a row"), fmt.Sprint(n, " spread")
			lists[row] = append(lists[row], fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
			lists[spread] = append(lists[spread], fmt.Sprintf("%x:%x::/%d", 0x2000+random.IntN(0x1000), random.IntN(0x10000), 16+random.IntN(49)))
		}
	}
	for i := range 20 { // of IPv4, of which some say so in IPv6's words
		lists["mapped"] = append(lists["mapped"], fmt.Sprintf("::ffff:192.0.%d.0/120", i), fmt.Sprintf("10.%d.0.0/16", i))
	}
	for _, bits := range []int{32, 128} {
		name := fmt.Sprint("nested to ", bits)
		for ones := 1; ones <= bits; ones++ { // 0…, 10…, 110… and so on
			ip := make(net.IP, bits/8)
			for bit := range ones - 1 {
				ip[bit/8] |= 0x80 >> (bit % 8)
			}
			lists[name] = append(lists[name], fmt.Sprintf("%s/%d", ip, ones))
		}
	}
	return lists
}
