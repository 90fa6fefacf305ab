package daemon

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// withoutFiles runs f in a process that may open no file.
func withoutFiles(t *testing.T, f func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	f()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
}

// A daemon that is out of file descriptors, as when many leases are due at once, takes no
// namespace for one that is gone: it would forget the lease.
func TestReach(t *testing.T) {
	reach := func(netns string) error {
		b := &binding{daemon: &Daemon{threads: make(threads, 1)}, record: store.Record{Netns: netns, Index: 1}}
		return b.reach(func(*reached) error { return nil })
	}
	if err := reach("/proc/self/ns/none"); !errors.Is(err, errGone) {
		t.Errorf("nothing there: %v", err)
	}
	if err := reach("/proc/self/ns/net"); !errors.Is(err, errGone) {
		t.Errorf("another namespace: %v", err)
	}
	var err error
	withoutFiles(t, func() { err = reach("/proc/self/ns/net") })
	if !errors.Is(err, unix.EMFILE) || errors.Is(err, errGone) {
		t.Errorf("without file descriptors: %v", err)
	}
}

// stored returns a daemon that has recorded a binding of a namespace, but not begun to keep its
// leases, which are over.
func stored(t *testing.T, dir, netns string) (*Daemon, *store.Record) {
	t.Helper()
	records, err := store.Open(dir, "socket")
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r := &store.Record{
		ContainerID: "c", IfName: "eth0", Netns: netns, Index: 1, V4: &dhcp4.Lease{}, V6: &dhcp6.Lease{},
		Config: []byte(`{"cniVersion": "1.1.0", "name": "n", "type": "macvlan", "ipam": {"type": "dhcp", "ipv6": "dhcp"}}`),
	}
	if err := records.Save(r); err != nil {
		t.Fatal(err)
	}
	return &Daemon{
		options: Options{ResendMax: time.Minute}, store: records, threads: make(threads, 1), life: ended,
		bindings: map[owner.Attachment]*binding{}, watched: map[place]*binding{},
	}, r
}

// Neither does it forget a lease that it takes up again, confirms or takes off meanwhile. It tries
// again, after a while.
func TestWithoutFiles(t *testing.T) {
	dir := t.TempDir()
	d, r := stored(t, dir, "/proc/self/ns/net")
	withoutFiles(t, func() { d.restore(r, 1) })
	b := d.get(r.Attachment())
	if b == nil {
		t.Fatal("not taken up")
	}
	for _, k := range b.keepers {
		var wait, pause time.Duration
		var err error
		withoutFiles(t, func() {
			wait = k.step(t.Context())
			pause, err = k.takeOff()
		})
		if _, leased := k.times(); wait <= 0 || b.isGone() || pause <= 0 || !errors.Is(err, unix.EMFILE) || !leased {
			t.Errorf("%s: waits %v, gone %v, after %v waits %v, leased %v", k.title, wait, b.isGone(), err, pause, leased)
		}
	}
	for _, k := range b.keepers {
		k.unconfirmed = true
		if !k.toConfirm() {
			t.Fatal("not to confirm")
		}
		var wait time.Duration
		var err error
		withoutFiles(t, func() { wait, err = k.reconfirm(t.Context(), times{expiry: time.Now().Add(time.Hour)}) })
		if wait <= 0 || !errors.Is(err, unix.EMFILE) || !k.toConfirm() {
			t.Errorf("%s: to be confirmed no more, after %v waits %v", k.title, err, wait)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 1 {
		t.Errorf("records %v", names)
	}
}

// What is gone, it forgets.
func TestRestoreOfGone(t *testing.T) {
	d, r := stored(t, t.TempDir(), "/proc/self/ns/none")
	d.restore(r, 1)
	b := d.get(r.Attachment())
	if b == nil {
		t.Fatal("not taken up")
	}
	for _, k := range b.keepers {
		if k.step(t.Context()); !b.isGone() {
			t.Error("not gone")
		}
	}
}

// Leases that are taken up again are confirmed one after the other, not all at once.
func TestRestoreSpread(t *testing.T) {
	d, r := stored(t, t.TempDir(), "/proc/self/ns/none")
	d.life = t.Context()
	d.restore(r, 1_000_000)
	select {
	case <-d.get(r.Attachment()).done:
		t.Error("it was looked at without delay")
	case <-time.After(100 * time.Millisecond):
	}
}

// News of a namespace or link that is gone may be about an earlier one, whose number another one has
// by now. What is there keeps its leases.
func TestStaleNews(t *testing.T) {
	for name, news := range map[string]event{
		"namespace": {kind: unix.RTM_DELNSID, place: place{nsid: 7}},
		"link":      {kind: unix.RTM_DELLINK, place: place{nsid: 7, index: 1}},
	} {
		for _, isThere := range []bool{true, false} {
			d, r := stored(t, t.TempDir(), "/proc/self/ns/net")
			lend(r, time.Now().Round(0))
			if isThere {
				n, err := link.Open(r.Netns)
				if err != nil {
					t.Fatal(err)
				}
				r.Namespace, err = identify(n)
				n.Close()
				if err != nil {
					t.Fatal(err)
				}
			}
			d.restore(r, 1)
			b := d.get(r.Attachment())
			<-b.done
			d.put(b, place{7, 1})
			b.keepers[0].toConfirm()
			d.hear(news)
			b.keepers[0].step(t.Context())
			if b.isGone() == isThere {
				t.Errorf("%s, still there %v: gone is %v", name, isThere, b.isGone())
			}
		}
	}
}

// asking is a lessor whose servers do not answer.
type asking struct {
	lessor
	asked chan struct{}
}

func (a asking) confirm(ctx context.Context) error {
	close(a.asked)
	<-ctx.Done()
	return ctx.Err()
}

// A confirmation that news interrupt, be it of another name, is made up for. One that nobody answers
// is not.
func TestInterruptedConfirmation(t *testing.T) {
	for _, interrupted := range []bool{true, false} {
		b := &binding{daemon: &Daemon{options: Options{Timeout: 50 * time.Millisecond}}}
		k := b.newKeeper("lease", asking{asked: make(chan struct{})})
		b.keepers = []*keeper{k}
		if interrupted {
			b.daemon.options.Timeout = time.Hour
		}
		ctx, done := k.interruptible(t.Context())
		if interrupted {
			go func() {
				<-k.lessor.(asking).asked
				b.hear(event{kind: unix.RTM_NEWLINK, name: "net1"})
			}()
		}
		wait, err := k.reconfirm(ctx, times{expiry: time.Now().Add(2 * time.Hour)})
		if done(); err == nil || wait != 0 || k.toConfirm() != interrupted {
			t.Errorf("interrupted %v: %v, waits %v", interrupted, err, wait)
		}
	}
}
