package ip_test

import (
	"encoding/json"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/ip"
)

func TestParseIP(t *testing.T) {
	tests := []struct {
		in, text, toIP string // toIP is "" if in does not parse
		mask           net.IPMask
	}{
		{"192.0.2.1", "192.0.2.1", "192.0.2.1", nil},
		{"192.0.2.1/24", "192.0.2.1/24", "192.0.2.1", net.CIDRMask(24, 32)},
		{"192.0.2.1/0", "192.0.2.1/0", "192.0.2.1", net.CIDRMask(0, 32)},
		{"2001:db8::1", "2001:db8::1", "2001:db8::1", nil},
		{"2001:DB8::1/64", "2001:db8::1/64", "2001:db8::1", net.CIDRMask(64, 128)},
		{"", "", "", nil},
		{"potato", "", "", nil},
		{"192.0.2.1/33", "", "", nil},
		{"192.0.2.1/", "", "", nil},
		{"/24", "", "", nil},
		{"192.0.2.1/24/24", "", "", nil},
		{"fe80::1%eth0", "", "", nil},
		{" 192.0.2.1", "", "", nil},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got := ip.ParseIP(test.in)
			if test.toIP == "" {
				if got != nil {
					t.Errorf("got %v, want nil", got)
				}
				return
			}
			if got == nil {
				t.Fatal("got nil")
			}
			if got.String() != test.text {
				t.Errorf("String: %s, want %s", got, test.text)
			}
			checkIP(t, "ToIP", got.ToIP(), test.toIP)
			if diff := cmp.Diff(test.mask, got.Mask); diff != "" {
				t.Errorf("mask (-want +got)\n%s", diff)
			}
		})
	}
}

func TestIPJSON(t *testing.T) {
	type document struct {
		IPs []*ip.IP
		One ip.IP
	}
	const text = `{"IPs":["192.0.2.1","2001:db8::1/64",""],"One":"192.0.2.1/24"}`
	var got document
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	back, err := json.Marshal(&got)
	if err != nil {
		t.Fatal(err)
	}
	if string(back) != text {
		t.Errorf("got %s, want %s", back, text)
	}

	err = new(ip.IP).UnmarshalText([]byte("300.0.0.1"))
	if err == nil || err.Error() != "invalid IP address 300.0.0.1" {
		t.Errorf("error %v", err)
	}
}

func TestZeroIP(t *testing.T) {
	zero := &ip.IP{}
	if got := zero.String(); got != "<nil>" {
		t.Errorf("String: %q", got)
	}
	if got := zero.ToIP(); got != nil {
		t.Errorf("ToIP: %v", got)
	}
	if text, err := zero.MarshalText(); err != nil || len(text) != 0 {
		t.Errorf("MarshalText: %q, %v", text, err)
	}
	set := ip.ParseIP("192.0.2.1/24")
	if err := set.UnmarshalText(nil); err != nil || set.IP != nil || set.Mask != nil {
		t.Errorf("UnmarshalText of nothing: %v, %v", set, err)
	}
}

func FuzzParseIP(f *testing.F) {
	for _, seed := range []string{"192.0.2.1", "2001:db8::1/64", "/", "1.2.3.4/33"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parsed := ip.ParseIP(s)
		if parsed == nil {
			return
		}
		if again := ip.ParseIP(parsed.String()); again == nil || again.String() != parsed.String() {
			t.Errorf("%q is %v, and that is %v", s, parsed, again)
		}
	})
}
