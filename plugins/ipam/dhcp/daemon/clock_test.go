package daemon

import (
	"os"
	"testing"
	"time"

	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// lend gives a record leases that are to be renewed an hour from now.
func lend(r *store.Record, now time.Time) {
	r.V4 = &dhcp4.Lease{Obtained: now, Renew: now.Add(time.Hour), Rebind: now.Add(2 * time.Hour), Expiry: now.Add(3 * time.Hour)}
	who := dhcp6.Identify(r.Attachment())
	r.V6 = &dhcp6.Lease{Identity: who, Server: who.DUID, Obtained: now, T1: 3600, T2: 7200, Addresses: []dhcp6.Address{{Valid: 10800}}}
}

// A clock that is set back by two hours would leave a lease of one hour without renewal, and one that
// is set ahead would take the address from the container.
func TestSetClock(t *testing.T) {
	dir := t.TempDir()
	d, r := stored(t, dir, "/proc/self/ns/net")
	now := time.Now().Round(0)
	lend(r, now)
	d.restore(r, 1)
	b := d.get(r.Attachment())
	<-b.done
	d.life = t.Context()
	var set time.Duration
	for _, by := range []time.Duration{-2 * time.Hour, 72 * time.Hour, 0} { // 0: the machine slept
		set += by
		d.setClock(by)
		want := times{now.Add(set + time.Hour), now.Add(set + 2*time.Hour), now.Add(set + 3*time.Hour)}
		for _, k := range b.keepers {
			if got, leased := k.times(); got != want || !leased {
				t.Errorf("set by %v: %s has %v, want %v", by, k.title, got, want)
			}
			select {
			case <-k.wake:
			default:
				t.Errorf("set by %v: %s is not looked at", by, k.title)
			}
		}
		recorded := func() bool {
			all, err := store.All(dir)
			if err != nil {
				t.Fatal(err)
			}
			return len(all) == 1 && all[0].V4.Expiry.Equal(want.expiry) && all[0].V6.ExpiresAt().Equal(want.expiry)
		}
		for start := time.Now(); !recorded(); time.Sleep(time.Millisecond) {
			if time.Since(start) > 10*time.Second {
				t.Fatalf("set by %v: not recorded", by)
			}
		}
	}
}

// What the clock differs from the time since boot by is told once. When it does not, the machine may
// have slept.
func TestClock(t *testing.T) {
	c, err := newClock()
	if err != nil {
		t.Fatal(err)
	}
	c.close()
	news, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.file, c.ahead = news, c.ahead-time.Hour
	told, done := make(chan time.Duration), make(chan error)
	go func() { done <- c.run(func(by time.Duration) { told <- by }) }()
	if _, err := tell.Write(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if by := <-told; (by - time.Hour).Abs() > time.Second {
		t.Errorf("set by %v", by)
	}
	if _, err := tell.Write(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	select {
	case by := <-told:
		if by != 0 {
			t.Errorf("again by %v", by)
		}
	case <-time.After(10 * time.Second):
		t.Error("not told that the machine may have slept")
	}
	c.close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
