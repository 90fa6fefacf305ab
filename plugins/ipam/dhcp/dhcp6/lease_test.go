package dhcp6

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/owner"
)

func TestIdentify(t *testing.T) {
	known := make(map[string]owner.Attachment)
	for _, a := range []owner.Attachment{
		{Network: "net", ContainerID: "c", IfName: "eth0"},
		{Network: "net", ContainerID: "c", IfName: "eth1"},
		{Network: "net", ContainerID: "d", IfName: "eth0"},
		{Network: "net2", ContainerID: "c", IfName: "eth0"},
		{Network: "netc", ContainerID: "", IfName: "eth0"},
	} {
		id := Identify(a)
		if other, ok := known[id.DUID.String()]; ok {
			t.Errorf("%v and %v are the same", a, other)
		}
		known[id.DUID.String()] = a
	}
	// Servers know clients of earlier releases by it.
	const want = "00:04:45:1f:bd:a2:8a:81:89:02:bd:23:b5:42:94:be:48:4d"
	if got := Identify(attachment).DUID.String(); got != want {
		t.Errorf("DUID of %v is %v, not %v", attachment, got, want)
	}
}

func exampleLease() *Lease {
	return &Lease{
		Identity: Identify(attachment),
		Server:   DUID{0, 3, 0, 1, 2, 0, 0, 0, 0, 1},
		Obtained: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		T1:       100, T2: 200,
		Addresses: []Address{{netip.MustParseAddr("2001:db8::1"), 250, 300}, {netip.MustParseAddr("2001:db8::2"), Infinity, Infinity}},
		DNS:       []netip.Addr{netip.MustParseAddr("2001:db8::53")},
		Search:    []string{"example.test"},
	}
}

func TestLeaseAsJSON(t *testing.T) {
	text, err := json.Marshal(exampleLease())
	if err != nil {
		t.Fatal(err)
	}
	var read Lease
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exampleLease(), &read, compareAddresses); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if err := read.Check(); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{`{"server":"0"}`, `{"server":"00:01"}`, `{"server":"00:0g:01"}`, `{"addresses":[{"ip":"x"}]}`} {
		if err := json.Unmarshal([]byte(wrong), new(Lease)); err == nil {
			t.Errorf("%s was read", wrong)
		}
	}
}

func TestLeaseCheck(t *testing.T) {
	for name, spoil := range map[string]func(*Lease){
		"no client":     func(l *Lease) { l.DUID = nil },
		"no server":     func(l *Lease) { l.Server = nil },
		"no address":    func(l *Lease) { l.Addresses = nil },
		"T1 after T2":   func(l *Lease) { l.T1 = 201 },
		"T2 after end":  func(l *Lease) { l.Addresses = l.Addresses[:1]; l.T2 = 301 },
		"zero address":  func(l *Lease) { l.Addresses[0].IP = netip.Addr{} },
		"IPv4 address":  func(l *Lease) { l.Addresses[0].IP = netip.MustParseAddr("192.0.2.1") },
		"zoned address": func(l *Lease) { l.Addresses[0].IP = netip.MustParseAddr("2001:db8::1%eth0") },
		"lifetimes":     func(l *Lease) { l.Addresses[0].Preferred = 301 },
	} {
		l := exampleLease()
		spoil(l)
		if l.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestLeaseTimes(t *testing.T) {
	l := exampleLease()
	at := func(seconds time.Duration) time.Time { return l.Obtained.Add(seconds * time.Second) }
	if !l.RenewAt().Equal(at(100)) || !l.RebindAt().Equal(at(200)) {
		t.Errorf("renew at %v, rebind at %v", l.RenewAt(), l.RebindAt())
	}
	if l.ExpiresAt().Year() < 2200 {
		t.Errorf("an infinite lease expires at %v", l.ExpiresAt())
	}
	l.Addresses = l.Addresses[:1]
	if !l.ExpiresAt().Equal(at(300)) {
		t.Errorf("expires at %v", l.ExpiresAt())
	}
}

func TestSetTimes(t *testing.T) {
	for _, test := range []struct{ preferred, valid, t1, t2, want1, want2 Seconds }{
		{300, 400, 50, 100, 50, 100},
		{300, 400, 0, 0, 150, 240},
		{300, 400, 0, 100, 100, 100},
		{300, 400, 90, 0, 90, 240},
		{300, 400, 500, 600, 400, 400},
		{0, 400, 0, 0, 200, 320},
		{1, 1, 0, 0, 1, 1},
		{Infinity, Infinity, 0, 0, Infinity, Infinity},
		{Infinity, Infinity, Infinity, Infinity, Infinity, Infinity},
		{300, Infinity, 0, 0, 150, 240},
	} {
		l := &Lease{Addresses: []Address{{lent, test.preferred, test.valid}}}
		l.setTimes(test.t1, test.t2)
		if l.T1 != test.want1 || l.T2 != test.want2 {
			t.Errorf("%+v: T1 %v, T2 %v", test, l.T1, l.T2)
		}
	}
}

// TestRenewedKeepsWhatIsNotMentioned is RFC 8415, section 18.2.10.1.
func TestRenewedKeepsWhatIsNotMentioned(t *testing.T) {
	first, second, third := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8::3")
	l := exampleLease()
	l.Addresses = []Address{{first, 250, 300}, {second, 250, 300}, {third, 50, 60}}
	a := &answer{server: l.Server, ia: &identityAssociation{t1: 40, t2: 50, addresses: []Address{{first, 0, 0}, {lent, 300, 300}}}}
	next := l.renewed(a, l.Obtained.Add(100*time.Second))
	want := []Address{{lent, 300, 300}, {second, 150, 200}}
	if diff := cmp.Diff(want, next.Addresses, compareAddresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if err := next.Check(); err != nil {
		t.Error(err)
	}
}

func TestSchedule(t *testing.T) {
	within := func(d, about time.Duration) bool {
		return d >= about*9/10 && d <= about*11/10
	}
	for range 100 {
		var waits []time.Duration
		wait := time.Duration(0)
		for range 8 {
			wait = requestTimes.next(wait)
			waits = append(waits, wait)
		}
		if !within(waits[0], time.Second) || !within(waits[7], requestTimes.longest) {
			t.Fatalf("waits %v", waits)
		}
		for i := 1; waits[i] < requestTimes.longest*8/10; i++ {
			if ratio := float64(waits[i]) / float64(waits[i-1]); ratio < 1.9 || ratio > 2.1 {
				t.Fatalf("waits %v", waits)
			}
		}
	}
}
