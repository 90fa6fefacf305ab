package dhcp6

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv6"
)

func FuzzAnswer(f *testing.F) {
	client := Identify(attachment)
	m, err := client.newMessage(dhcpv6.MessageTypeSolicit)
	if err != nil {
		f.Fatal(err)
	}
	client.addIA(m, nil)
	f.Add(reply(dhcpv6.MessageTypeReply, m).ToBytes())
	lies, _ := falsify(dhcpv6.MessageTypeAdvertise, m)
	for _, lie := range lies {
		f.Add(lie)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := parseAnswer(data, client.IAID)
		if err != nil || !a.hasAddress() || a.server == nil {
			return
		}
		// Whatever a server says, the lease is one that can be kept.
		now := time.Unix(1e9, 0)
		lease := newLease(client, a, now)
		if err := lease.Check(); err != nil {
			t.Errorf("%v: %+v", err, lease)
		}
		if next := lease.renewed(a, now.Add(time.Second)); next.Check() != nil {
			t.Errorf("%v: %+v", next.Check(), next)
		}
	})
}

func FuzzAdvertisement(f *testing.F) {
	router := netip.MustParseAddr("fe80::1")
	f.Add(advertisement())
	f.Add(advertisement()[:17])
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := parseAdvertisement(data, router, 255)
		if err != nil {
			return
		}
		for _, p := range a.autonomous {
			if p.Bits() != 64 || p.Addr().IsLinkLocalUnicast() {
				t.Errorf("prefix %v", p)
			}
		}
		for _, domain := range a.search {
			if domain == "" || len(domain) > maxName || strings.ContainsAny(domain, " \n\x00") {
				t.Errorf("domain %q", domain)
			}
		}
	})
}

// advertisement is a router advertisement with all options that are read.
func advertisement() []byte {
	message := []byte{
		routerAdvertisement, 0, 0, 0, 64, 0xc0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0,
		optionPrefix, 4, 64, 0xc0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		optionServers, 3, 0, 0, 0, 0, 1, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53,
		optionDomains, 3, 0, 0, 0, 0, 1, 0, 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 4, 't', 'e', 's', 't', 0, 0, 0,
	}
	return message
}

func TestParseAdvertisement(t *testing.T) {
	router := netip.MustParseAddr("fe80::1")
	a, err := parseAdvertisement(advertisement(), router, 255)
	if err != nil {
		t.Fatal(err)
	}
	want := &advertised{
		router: router, lifetime: 1800, managed: true, other: true,
		autonomous: []netip.Prefix{netip.MustParsePrefix("2001:db8::/64")},
		dns:        []netip.Addr{netip.MustParseAddr("2001:db8::53")},
		search:     []string{"example.test"},
	}
	compare := cmp.AllowUnexported(advertised{}, netip.Prefix{})
	if diff := cmp.Diff(want, a, compare, compareAddresses); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	change := func(at int, to byte) []byte {
		message := advertisement()
		message[at] = to
		return message
	}
	for name, forged := range map[string]struct {
		data     []byte
		from     string
		hopLimit int
	}{
		"routed":       {advertisement(), "fe80::1", 254},
		"no router":    {advertisement(), "2001:db8::1", 255},
		"other type":   {change(0, 135), "fe80::1", 255},
		"other code":   {change(1, 1), "fe80::1", 255},
		"short":        {advertisement()[:15], "fe80::1", 255},
		"cut option":   {advertisement()[:40], "fe80::1", 255},
		"empty option": {change(17, 0), "fe80::1", 255},
		"long option":  {change(49, 40), "fe80::1", 255},
		"domains":      {change(80, 0xc0), "fe80::1", 255},
	} {
		if _, err := parseAdvertisement(forged.data, netip.MustParseAddr(forged.from), forged.hopLimit); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestParseDomains(t *testing.T) {
	long := strings.Repeat("\x3f"+strings.Repeat("a", 63), 4) + "\x00"
	for _, test := range []struct {
		data   string
		padded bool
		want   []string
		ok     bool
	}{
		{"", false, nil, true},
		{"\x01a\x00", false, []string{"a"}, true},
		{"\x01a\x01b\x00\x01c\x00", false, []string{"a.b", "c"}, true},
		{"\x01a\x00\x00\x00", true, []string{"a"}, true},
		{"\x01a\x00\x00\x00", false, nil, false},
		{"\x01a\x00\x00\x01", true, []string{"a"}, false},
		{"\x01a", false, nil, false},
		{"\x05a", false, nil, false},
		{"\x01a\xc0\x00", false, nil, false},
		{"\x01.\x00", false, nil, false},
		{long, false, nil, false},
	} {
		got, err := parseDomains([]byte(test.data), test.padded)
		if (err == nil) != test.ok || err == nil && !cmp.Equal(test.want, got) {
			t.Errorf("%q: %v, %v", test.data, got, err)
		}
	}
}
