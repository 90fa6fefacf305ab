package disk

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rebooted makes the index that of an earlier boot.
func rebooted(t *testing.T, s *Store) {
	t.Helper()
	b, err := os.ReadFile(s.dir.path(indexName))
	if err != nil {
		t.Fatal(err)
	}
	h, ok := decodeHeader(b)
	if !ok {
		t.Fatal("no index")
	}
	h.boot = "00000000-0000-0000-0000-000000000000"
	// As long ago as a boot takes.
	h.stamp = h.stamp.Add(-time.Minute)
	info, err := os.Stat(string(s.dir))
	if err != nil {
		t.Fatal(err)
	}
	copy(b, h.encode())
	put(t, s, indexName, string(b))
	for name := range files(t, s) {
		stat, err := os.Stat(s.dir.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(s.dir.path(name), time.Time{}, stat.ModTime().Add(-time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(string(s.dir), time.Time{}, info.ModTime().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
}

func inherited(t *testing.T, s *Store, id, ifname string) string {
	t.Helper()
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	return fmt.Sprint(tx.Inherited(id, ifname))
}

func TestInherited(t *testing.T) {
	s := newStore(t)
	if !isLocal(string(s.dir)) {
		t.Skip("this file system cannot have an index")
	}
	reserve(t, s, "a", "eth0", "10.1.2.2")
	reserve(t, s, "a", "eth1", "10.1.2.3")
	if got := inherited(t, s, "a", "eth0"); got != "[]" {
		t.Errorf("inherited before a boot: %s", got)
	}
	rebooted(t, s)
	// Upstream's plugin in this boot, before ours.
	put(t, s, "10.1.2.4", "b\r\neth0")
	for id, want := range map[string]string{"a": "[10.1.2.2]", "b": "[]"} {
		if got := inherited(t, s, id, "eth0"); got != want {
			t.Errorf("%s inherits %s, want %s", id, got, want)
		}
	}
	reserve(t, s, "c", "eth0", "10.1.2.5")
	if got := inherited(t, s, "c", "eth0"); got != "[]" {
		t.Errorf("inherited in one boot: %s", got)
	}
	// Still so after the index was made anew.
	put(t, s, "10.1.2.6", "d\r\neth0")
	for id, want := range map[string]string{"a": "[10.1.2.2]", "b": "[]", "c": "[]", "d": "[]"} {
		if got := inherited(t, s, id, "eth0"); got != want {
			t.Errorf("%s inherits %s, want %s", id, got, want)
		}
	}
	if ok, err := s.Reserve("d", "eth0", net.ParseIP("10.1.2.2"), "0"); ok || err != nil {
		t.Errorf("Store.Reserve gives away an inherited address: %v, %v", ok, err)
	}

	// A transaction does, and forgets it if it is reverted.
	before := files(t, s)
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	if ok, err := tx.Reserve("d", "eth0", net.ParseIP("10.1.2.2"), "0"); !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := files(t, s)["10.1.2.2"]; got != "d\r\neth0" {
		t.Errorf("10.1.2.2 is of %q", got)
	}
	if err := s.Revert(tx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, files(t, s)); diff != "" {
		t.Error(diff)
	}
	if got := inherited(t, s, "a", "eth0"); got != "[10.1.2.2]" {
		t.Errorf("after Revert a inherits %s", got)
	}
}

// Without an index that tells, leases are from an earlier boot whose files are older
// than this one, and stay so, or stay not, whatever the clock says later.
func TestInheritedWithoutIndex(t *testing.T) {
	for name, forget := range map[string]func(t *testing.T, s *Store){
		"as upstream leaves it": func(t *testing.T, s *Store) { os.Remove(s.dir.path(indexName)) },
		"garbled":               func(t *testing.T, s *Store) { scribble(t, s, bootAt) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			reserve(t, s, "old", "eth0", "10.1.2.2")
			reserve(t, s, "new", "eth0", "10.1.2.3")
			reserve(t, s, "newer", "eth0", "10.1.2.4")
			forget(t, s)
			set := func(name string, to time.Time) {
				if err := os.Chtimes(s.dir.path(name), time.Time{}, to); err != nil {
					t.Fatal(err)
				}
			}
			set("10.1.2.2", bootTime().Add(-time.Second))
			set("10.1.2.3", bootTime().Add(2*time.Second))
			for id, want := range map[string]string{"old": "[10.1.2.2]", "new": "[]", "newer": "[]"} {
				if got := inherited(t, s, id, "eth0"); got != want {
					t.Errorf("%s inherits %s, want %s", id, got, want)
				}
			}
			decided := limit(t, s)
			put(t, s, "10.1.2.5", "other\r\neth0")
			if got := inherited(t, s, "old", "eth0"); got != "[10.1.2.2]" || !limit(t, s).Equal(decided) {
				t.Errorf("later old inherits %s, the limit moved from %v to %v", got, decided, limit(t, s))
			}
		})
	}
}

// limit returns up to when leases are from an earlier boot.
func limit(t *testing.T, s *Store) time.Time {
	t.Helper()
	b, err := os.ReadFile(s.dir.path(indexName))
	if err != nil {
		t.Fatal(err)
	}
	h, _ := decodeHeader(b)
	return h.inherited
}

// TestClockBehind reserves while the clock is behind the last boot's.
func TestClockBehind(t *testing.T) {
	s := newStore(t)
	x, err := openIndex(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	x.inherited = time.Now().Add(time.Hour).Truncate(time.Second)
	if err := x.save(); err != nil {
		t.Fatal(err)
	}
	reserve(t, s, "a", "eth0", "10.1.2.2")
	if got := inherited(t, s, "a", "eth0"); got != "[]" {
		t.Errorf("a inherits %s", got)
	}
}
