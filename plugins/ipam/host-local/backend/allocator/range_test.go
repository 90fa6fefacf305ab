package allocator

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"
)

// subnet returns a range of a whole subnet; bounds are start, end and gateway.
func subnet(cidr string, bounds ...string) Range {
	ip, ipnet, err := net.ParseCIDR(cidr)
	if err != nil {
		panic(err)
	}
	r := Range{Subnet: types.IPNet{IP: ip, Mask: ipnet.Mask}}
	for i, field := range []*net.IP{&r.RangeStart, &r.RangeEnd, &r.Gateway} {
		if i < len(bounds) {
			*field = net.ParseIP(bounds[i])
		}
	}
	return r
}

func canonical(t testing.TB, ranges ...Range) *RangeSet {
	t.Helper()
	s := RangeSet(ranges)
	if err := s.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestRangeCanonicalize(t *testing.T) {
	tests := map[string]struct {
		r       Range
		want    string // start-end gateway
		wantErr string
	}{
		"v4 /24":              {r: subnet("192.0.2.0/24"), want: "192.0.2.1-192.0.2.254 192.0.2.1"},
		"v4 /25":              {r: subnet("192.0.2.0/25"), want: "192.0.2.1-192.0.2.126 192.0.2.1"},
		"v4 /30":              {r: subnet("192.0.2.4/30"), want: "192.0.2.5-192.0.2.6 192.0.2.5"},
		"v4 /8":               {r: subnet("10.0.0.0/8"), want: "10.0.0.1-10.255.255.254 10.0.0.1"},
		"v6 /64":              {r: subnet("2001:db8:1::/64"), want: "2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff 2001:db8:1::1"},
		"v6 /3":               {r: subnet("2000::/3"), want: "2000::1-3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2000::1"},
		"all given":           {r: subnet("192.0.2.0/24", "192.0.2.40", "192.0.2.50", "192.0.2.254"), want: "192.0.2.40-192.0.2.50 192.0.2.254"},
		"one address":         {r: subnet("192.0.2.0/24", "192.0.2.40", "192.0.2.40"), want: "192.0.2.40-192.0.2.40 192.0.2.1"},
		"network, broadcast":  {r: subnet("192.0.2.0/24", "192.0.2.0", "192.0.2.255"), want: "192.0.2.0-192.0.2.255 192.0.2.1"},
		"gateway elsewhere":   {r: subnet("192.0.2.0/24", "", "", "198.51.100.1"), want: "192.0.2.1-192.0.2.254 198.51.100.1"},
		"no subnet":           {wantErr: "IP <nil> not v4 nor v6"},
		"v4 /31":              {r: subnet("192.0.2.0/31"), wantErr: "Network 192.0.2.0/31 too small to allocate from"},
		"v4 /32":              {r: subnet("192.0.2.0/32"), wantErr: "Network 192.0.2.0/32 too small to allocate from"},
		"v6 /127":             {r: subnet("2001:db8::/127"), wantErr: "Network 2001:db8::/127 too small to allocate from"},
		"v4 host bits":        {r: subnet("192.0.2.12/24"), wantErr: "Network has host bits set. For a subnet mask of length 24 the network address is 192.0.2.0"},
		"v6 host bits":        {r: subnet("2001:db8::1/24"), wantErr: "Network has host bits set. For a subnet mask of length 24 the network address is 2001:d00::"},
		"start outside":       {r: subnet("192.0.2.0/24", "192.0.3.5"), wantErr: "RangeStart 192.0.3.5 not in network 192.0.2.0/24"},
		"start before subnet": {r: subnet("192.0.2.0/24", "192.0.1.5"), wantErr: "RangeStart 192.0.1.5 not in network 192.0.2.0/24"},
		"start of v6":         {r: subnet("192.0.2.0/24", "2001:db8::5"), wantErr: "RangeStart 2001:db8::5 not in network 192.0.2.0/24"},
		"end outside":         {r: subnet("192.0.2.0/24", "", "192.0.4.5"), wantErr: "RangeEnd 192.0.4.5 not in network 192.0.2.0/24"},
		"end of v6":           {r: subnet("192.0.2.0/24", "", "2001:db8::5"), wantErr: "RangeEnd 2001:db8::5 not in network 192.0.2.0/24"},
		"end before start":    {r: subnet("192.0.2.0/24", "192.0.2.50", "192.0.2.40"), wantErr: "RangeStart 192.0.2.50 is after RangeEnd 192.0.2.40 in network 192.0.2.0/24"},
		"default end first":   {r: subnet("192.0.2.0/24", "192.0.2.255"), wantErr: "RangeStart 192.0.2.255 is after RangeEnd 192.0.2.254 in network 192.0.2.0/24"},
		"default start last":  {r: subnet("192.0.2.0/24", "", "192.0.2.0"), wantErr: "RangeStart 192.0.2.1 is after RangeEnd 192.0.2.0 in network 192.0.2.0/24"},
		"v6, default start":   {r: subnet("2001:db8::/64", "", "2001:db8::"), wantErr: "RangeStart 2001:db8::1 is after RangeEnd 2001:db8:: in network 2001:db8::/64"},
		"v6 mask of v4":       {r: Range{Subnet: types.IPNet{IP: net.IPv4(192, 0, 2, 0), Mask: net.CIDRMask(120, 128)}}, wantErr: "IPNet IP and Mask version mismatch"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.r.Canonicalize()
			if err != nil || test.wantErr != "" {
				if err == nil || err.Error() != test.wantErr {
					t.Errorf("got error %v, want %s", err, test.wantErr)
				}
				return
			}
			if got := test.r.String() + " " + test.r.Gateway.String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			for _, ip := range []net.IP{test.r.Subnet.IP, test.r.RangeStart, test.r.RangeEnd, test.r.Gateway} {
				if ip.To4() != nil && len(ip) != net.IPv4len {
					t.Errorf("%s has %d bytes", ip, len(ip))
				}
			}
		})
	}
}

func TestRangeContains(t *testing.T) {
	r := (*canonical(t, subnet("192.0.2.0/24", "192.0.2.40", "192.0.2.50")))[0]
	for ip, want := range map[string]bool{
		"192.0.2.39": false, "192.0.2.40": true, "192.0.2.45": true, "::ffff:192.0.2.45": true,
		"192.0.2.50": true, "192.0.2.51": false, "192.0.3.45": false, "2001:db8::1": false, "": false,
	} {
		if got := r.Contains(net.ParseIP(ip)); got != want {
			t.Errorf("contains %q: %v", ip, got)
		}
	}
}

func TestRangeOverlaps(t *testing.T) {
	tests := map[string]struct {
		a, b Range
		want bool
	}{
		"disjoint":   {subnet("10.0.0.0/24"), subnet("10.0.1.0/24"), false},
		"families":   {subnet("10.0.0.0/24"), subnet("2001:db8::/64"), false},
		"identical":  {subnet("10.0.0.0/24"), subnet("10.0.0.0/24"), true},
		"contained":  {subnet("10.0.0.0/20"), subnet("10.0.1.0/24"), true},
		"halves":     {subnet("10.0.0.0/24", "", "10.0.0.99"), subnet("10.0.0.0/24", "10.0.0.100"), false},
		"touching":   {subnet("10.0.0.0/24", "", "10.0.0.100"), subnet("10.0.0.0/24", "10.0.0.100"), true},
		"v6, halves": {subnet("2001:db8::/64", "", "2001:db8::7fff"), subnet("2001:db8::/64", "2001:db8::8000"), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := canonical(t, test.a), canonical(t, test.b)
			if got := a.Overlaps(b); got != test.want {
				t.Errorf("a overlaps b: %v", got)
			}
			if got := b.Overlaps(a); got != test.want {
				t.Errorf("b overlaps a: %v", got)
			}
		})
	}
}

func TestRangeSetCanonicalize(t *testing.T) {
	tests := map[string]struct {
		set  RangeSet
		want string
	}{
		"empty":          {RangeSet{}, "empty range set"},
		"mixed families": {RangeSet{subnet("10.0.0.0/24"), subnet("2001:db8::/64")}, "mixed address families"},
		"overlap":        {RangeSet{subnet("10.0.0.0/20"), subnet("10.0.4.0/24")}, "subnets 10.0.0.1-10.0.15.254 and 10.0.4.1-10.0.4.254 overlap"},
		"bad range":      {RangeSet{subnet("10.0.0.0/31")}, "Network 10.0.0.0/31 too small to allocate from"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := test.set.Canonicalize(); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestRangeFor(t *testing.T) {
	set := canonical(t, subnet("192.0.2.0/24"), subnet("198.51.100.0/24"))
	if r, err := set.RangeFor(net.ParseIP("198.51.100.7")); err != nil || r != &(*set)[1] {
		t.Errorf("got %v, %v", r, err)
	}
	_, err := set.RangeFor(net.ParseIP("203.0.113.1"))
	want := "203.0.113.1 not in range set 192.0.2.1-192.0.2.254,198.51.100.1-198.51.100.254"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestSegments has the order of a search: what is behind the last address, then
// what is before it.
func TestSegments(t *testing.T) {
	tests := map[string]struct {
		set  *RangeSet
		last string
		want string
	}{
		"no last":          {canonical(t, subnet("10.0.0.0/29")), "", "10.0.0.1-10.0.0.6"},
		"last elsewhere":   {canonical(t, subnet("10.0.0.0/29")), "10.9.0.3", "10.0.0.1-10.0.0.6"},
		"in the middle":    {canonical(t, subnet("10.0.0.0/29")), "10.0.0.3", "10.0.0.4-10.0.0.6 10.0.0.1-10.0.0.3"},
		"first":            {canonical(t, subnet("10.0.0.0/29")), "10.0.0.1", "10.0.0.2-10.0.0.6 10.0.0.1-10.0.0.1"},
		"end":              {canonical(t, subnet("10.0.0.0/29")), "10.0.0.6", "10.0.0.1-10.0.0.6"},
		"end of first":     {canonical(t, subnet("10.0.0.0/30"), subnet("10.0.1.0/30")), "10.0.0.2", "10.0.1.1-10.0.1.2 10.0.0.1-10.0.0.2"},
		"middle of second": {canonical(t, subnet("10.0.0.0/30"), subnet("10.0.1.0/30"), subnet("10.0.2.0/30")), "10.0.1.1", "10.0.1.2-10.0.1.2 10.0.2.1-10.0.2.2 10.0.0.1-10.0.0.2 10.0.1.1-10.0.1.1"},
		"end of all":       {canonical(t, subnet("255.255.255.0/24", "255.255.255.9", "255.255.255.255")), "255.255.255.255", "255.255.255.9-255.255.255.255"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range test.set.segments(toAddr(net.ParseIP(test.last))) {
				got = append(got, s.lo.String()+"-"+s.hi.String())
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The size of a set is what it gives out: no gateway counts, in whichever range it lies.
func TestSize(t *testing.T) {
	for want, set := range map[string]*RangeSet{
		"253":                  canonical(t, subnet("10.0.0.0/24")),
		"254":                  canonical(t, subnet("10.0.0.0/24", "", "", "10.1.0.1")),
		"2":                    canonical(t, subnet("10.0.0.0/24", "10.0.0.5", "10.0.0.6")),
		"262":                  canonical(t, subnet("10.0.0.0/24", "", "", "10.0.1.12"), subnet("10.0.1.0/24", "10.0.1.10", "10.0.1.19", "10.0.0.9")),
		"263":                  canonical(t, subnet("10.0.0.0/24"), subnet("10.0.1.0/24", "10.0.1.10", "10.0.1.19", "10.0.0.1")),
		"18446744073709551614": canonical(t, subnet("fd00::/64")),
	} {
		if got := set.Size().String(); got != want {
			t.Errorf("%s: %s addresses, want %s", set, got, want)
		}
	}
	set := canonical(t, subnet("10.0.0.0/24"))
	for addr, want := range map[string]bool{"10.0.0.1": false, "10.0.0.2": true, "10.0.0.255": false, "fd00::1": false} {
		if got := set.GivesOut(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}
