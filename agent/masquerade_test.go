package main

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAggregate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{"10.244.1.0/24", "10.244.0.0/24"}, []string{"10.244.0.0/23"}},
		{[]string{"::ffff:10.244.1.0/120", "10.244.0.0/24"}, []string{"10.244.0.0/23"}},
		{[]string{"10.244.1.0/24", "10.244.2.0/24"}, []string{"10.244.1.0/24", "10.244.2.0/24"}},
		{[]string{"10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24", "10.244.3.0/24"}, []string{"10.244.0.0/22"}},
		{[]string{"10.244.0.0/24", "10.244.0.128/25", "10.244.0.0/24"}, []string{"10.244.0.0/24"}},
		{[]string{"fd00:0:0:1::/64", "10.0.0.0/24", "fd00::/64"}, []string{"10.0.0.0/24", "fd00::/63"}},
		{[]string{"0.0.0.0/1", "128.0.0.0/1"}, []string{"0.0.0.0/0"}},
	} {
		in, err := parsePrefixes(test.in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range aggregate(in) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.in, diff)
		}
	}
}

// Whatever the prefixes, an address is in one of them or in none before and after.
func FuzzAggregate(f *testing.F) {
	f.Add([]byte{10, 1, 2, 3, 24, 10, 1, 3, 0, 24}, []byte{10, 1, 3, 9})
	f.Fuzz(func(t *testing.T, prefixes, address []byte) {
		var in []netip.Prefix
		for ; len(prefixes) >= 5; prefixes = prefixes[5:] {
			addr, _ := netip.AddrFromSlice(prefixes[:4])
			in = append(in, netip.PrefixFrom(addr, int(prefixes[4])%33).Masked())
		}
		addr, ok := netip.AddrFromSlice(address)
		if !ok {
			return
		}
		if contains(in, addr) != contains(aggregate(in), addr) {
			t.Errorf("%s in %v and in %v", addr, in, aggregate(in))
		}
	})
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
