package daemon

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

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
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	err := reach("/proc/self/ns/net")
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, unix.EMFILE) || errors.Is(err, errGone) {
		t.Errorf("without file descriptors: %v", err)
	}
}
