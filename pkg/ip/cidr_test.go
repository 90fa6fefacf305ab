package ip_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/ip"
)

func TestNextAndPrevIP(t *testing.T) {
	tests := []struct{ ip, next, prev string }{
		{"192.0.2.0", "192.0.2.1", "192.0.1.255"},
		{"192.0.2.255", "192.0.3.0", "192.0.2.254"},
		{"0.0.0.0", "0.0.0.1", ""},
		{"255.255.255.255", "", "255.255.255.254"},
		{"::", "::1", ""},
		{"::ff", "::100", "::fe"},
		{"2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::", "2001:db8::ffff:ffff:ffff:fffe"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"},
		// An IPv6 address stays one, also where it would fit into 4 bytes.
		{"::1234:5678", "::1234:5679", "::1234:5677"},
		{"::1:0:0", "::1:0:1", "::ffff:ffff"},
	}
	for _, test := range tests {
		t.Run(test.ip, func(t *testing.T) {
			in := net.ParseIP(test.ip)
			checkIP(t, "NextIP", ip.NextIP(in), test.next)
			checkIP(t, "PrevIP", ip.PrevIP(in), test.prev)
			if v4 := in.To4(); v4 != nil {
				checkIP(t, "NextIP of 4 bytes", ip.NextIP(v4), test.next)
				checkIP(t, "PrevIP of 4 bytes", ip.PrevIP(v4), test.prev)
			}
		})
	}
	for _, in := range []net.IP{nil, {}, {1, 2, 3}, make(net.IP, 17)} {
		if next, prev := ip.NextIP(in), ip.PrevIP(in); next != nil || prev != nil {
			t.Errorf("%v: next %v, previous %v, want nil", []byte(in), next, prev)
		}
	}
}

// checkIP compares got with the notation want, "" standing for nil, and with
// the number of bytes that its family has.
func checkIP(t *testing.T, what string, got net.IP, want string) {
	t.Helper()
	var bytes net.IP
	if want != "" {
		bytes = net.ParseIP(want)
		if v4 := bytes.To4(); v4 != nil {
			bytes = v4
		}
	}
	if diff := cmp.Diff([]byte(bytes), []byte(got)); diff != "" {
		t.Errorf("%s: %v (-want +got)\n%s", what, got, diff)
	}
}

func TestNextIPDoesNotWriteToItsArgument(t *testing.T) {
	in := net.IP{192, 0, 2, 255}
	ip.NextIP(in)
	ip.PrevIP(in)
	if !in.Equal(net.IPv4(192, 0, 2, 255)) {
		t.Errorf("it is now %v", in)
	}
}

func TestCmp(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"192.0.2.1", "192.0.2.2", -1},
		{"192.0.2.2", "192.0.2.2", 0},
		{"192.0.2.2", "192.0.2.1", 1},
		{"9.255.255.255", "10.0.0.0", -1},
		{"2001:db8::1", "2001:db8::2", -1},
		{"2001:db8::2", "2001:db8::2", 0},
		{"2001:db8::2", "2001:db8::1", 1},
		{"::c000:201", "192.0.2.1", -2},
		{"192.0.2.1", "2001:db8::1", -2},
		{"192.0.2.1", "", -2},
		{"", "", -2},
	}
	for _, test := range tests {
		if got := ip.Cmp(net.ParseIP(test.a), net.ParseIP(test.b)); got != test.want {
			t.Errorf("Cmp(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
	if got := ip.Cmp(net.IP{192, 0, 2, 1}, net.IPv4(192, 0, 2, 1)); got != 0 {
		t.Errorf("4 and 16 bytes of one address: %d", got)
	}
}

func TestNetwork(t *testing.T) {
	v4, v6 := net.IPv4(192, 0, 2, 77), net.ParseIP("2001:db8::77")
	tests := []struct {
		in   *net.IPNet
		want string // "" for nil
	}{
		{nil, ""},
		{&net.IPNet{}, ""},
		{&net.IPNet{IP: v4}, ""},
		{&net.IPNet{IP: v4[:3], Mask: net.IPMask{255, 0, 0}}, ""},
		{&net.IPNet{IP: v6, Mask: net.CIDRMask(24, 32)}, ""},
		{&net.IPNet{IP: v4, Mask: net.CIDRMask(24, 32)}, "192.0.2.0/24"},
		{&net.IPNet{IP: v4.To4(), Mask: net.CIDRMask(24, 32)}, "192.0.2.0/24"},
		{&net.IPNet{IP: v6, Mask: net.CIDRMask(64, 128)}, "2001:db8::/64"},
		{&net.IPNet{IP: v6, Mask: net.CIDRMask(0, 128)}, "::/0"},
	}
	for _, test := range tests {
		got := ip.Network(test.in)
		text := ""
		if got != nil {
			text = got.String()
		}
		if text != test.want {
			t.Errorf("Network(%v) = %q, want %q", test.in, text, test.want)
		}
	}

	in := &net.IPNet{IP: v4, Mask: net.CIDRMask(24, 32)}
	out := ip.Network(in)
	out.IP[0], out.Mask[0] = 1, 1
	if in.String() != "192.0.2.77/24" {
		t.Errorf("the network shares memory with %v", in)
	}
}

func TestIsIPNetZero(t *testing.T) {
	tests := map[string]bool{
		"0.0.0.0/0":  true,
		"::/0":       true,
		"10.0.0.0/0": true, // as ParseCIDR masks it
		"0.0.0.0/8":  false,
		"::/64":      false,
		"10.0.0.0/8": false,
	}
	for text, want := range tests {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := ip.IsIPNetZero(network); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	if !ip.IsIPNetZero(nil) {
		t.Error("nil: got false, want true")
	}
	if ip.IsIPNetZero(&net.IPNet{IP: net.IPv4zero}) {
		t.Error("without mask: got true, want false")
	}
}

func FuzzNextIP(f *testing.F) {
	for _, seed := range []string{"", "192.0.2.1", "::", "::ffff:ffff", "255.255.255.255"} {
		f.Add([]byte(net.ParseIP(seed)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		next := ip.NextIP(b)
		if next == nil {
			return
		}
		// Behind ::fffe:ffff:ffff begin the addresses that package net takes
		// for IPv4 ones.
		if len(b) == 16 && net.IP(b).To4() == nil && next.To4() != nil {
			return
		}
		if ip.Cmp(b, next) != -1 || !ip.PrevIP(next).Equal(b) {
			t.Error(fmt.Sprint(net.IP(b), next, ip.PrevIP(next)))
		}
	})
}
