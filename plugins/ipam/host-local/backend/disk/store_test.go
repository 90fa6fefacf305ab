package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := New("net", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func reserve(t *testing.T, s *Store, id, ifname, ip string) {
	t.Helper()
	if ok, err := s.Reserve(id, ifname, net.ParseIP(ip), "0"); !ok || err != nil {
		t.Fatalf("reserve %s for %s: %v, %v", ip, id, ok, err)
	}
}

// files returns the content of all files but the lock and the index.
func files(t *testing.T, s *Store) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(string(s.dir))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, entry := range entries {
		if entry.Name() == lockName || entry.Name() == indexName {
			continue
		}
		content, err := os.ReadFile(s.dir.path(entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[entry.Name()] = string(content)
	}
	return all
}

func put(t *testing.T, s *Store, name, content string) {
	t.Helper()
	if err := os.WriteFile(s.dir.path(name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStoreFiles(t *testing.T) {
	s := newStore(t)
	reserve(t, s, " a\n", "eth0", "10.1.2.2")
	reserve(t, s, "a", "eth1", "2001:DB8:1:0::2")
	want := map[string]string{
		"10.1.2.2":           "a\r\neth0",
		"2001:db8:1::2":      "a\r\neth1",
		"last_reserved_ip.0": "2001:db8:1::2",
	}
	if diff := cmp.Diff(want, files(t, s)); diff != "" {
		t.Error(diff)
	}
	for name, mode := range map[string]fs.FileMode{"10.1.2.2": 0o600, "last_reserved_ip.0": 0o600, "lock": 0o750, indexName: 0o600} {
		if info, err := os.Stat(s.dir.path(name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v, want mode %v", name, info, err, mode)
		}
	}
	if last, err := s.LastReservedIP("0"); err != nil || last.String() != "2001:db8:1::2" {
		t.Errorf("last reserved %v, %v", last, err)
	}
	if _, err := s.LastReservedIP("1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("last reserved of another set: %v", err)
	}
	if ok, err := s.Reserve("b", "eth0", net.ParseIP("10.1.2.2"), "0"); ok || err != nil {
		t.Errorf("reserved twice: %v, %v", ok, err)
	}
	if got := fmt.Sprint(s.GetByID("a", "eth0")); got != "[10.1.2.2]" {
		t.Errorf("a/eth0 has %s", got)
	}
	if err := s.ReleaseByID("a", "eth1"); err != nil {
		t.Error(err)
	}
	if s.FindByID("a", "eth1") || !s.FindByID("a", "eth0") {
		t.Error("the wrong address was released")
	}
	if found, err := s.FindByKey("a\r\neth0"); !found || err != nil {
		t.Errorf("find by key: %v, %v", found, err)
	}
	if found, err := s.ReleaseByKey("a"); found || err != nil {
		t.Errorf("release by key: %v, %v", found, err)
	}
	if found, err := s.ReleaseByKey("a\r\neth0"); !found || err != nil {
		t.Errorf("release by key: %v, %v", found, err)
	}
	if diff := cmp.Diff(map[string]string{"last_reserved_ip.0": "2001:db8:1::2"}, files(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestStoreOldFormat has files without interface name.
func TestStoreOldFormat(t *testing.T) {
	s := newStore(t)
	reserve(t, s, "a", "eth0", "10.1.2.2")
	put(t, s, "10.1.2.2", "a") // in place: the index does not notice
	put(t, s, "10.1.2.3", "b\n")
	reserve(t, s, "b", "eth0", "10.1.2.4")
	if !s.FindByID("a", "eth5") {
		t.Error("a is not found")
	}
	if err := s.ReleaseByID("a", "eth0"); err != nil {
		t.Error(err)
	}
	if err := s.ReleaseByID("b", "eth0"); err != nil {
		t.Error(err)
	}
	// b had an address by interface name, so that the old file stays.
	want := map[string]string{"10.1.2.3": "b\n", "last_reserved_ip.0": "10.1.2.4"}
	if diff := cmp.Diff(want, files(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestStoreOthersFiles has what is no lease.
func TestStoreOthersFiles(t *testing.T) {
	s := newStore(t)
	put(t, s, "10.1.2.2", "")
	put(t, s, "10.1.2.3", "\x00\x00\x00")
	put(t, s, "last_reserved_ip.0", "10.1.2.9\n")
	put(t, s, "notes", "10.1.2.9")
	if err := os.Mkdir(s.dir.path("10.1.2.4"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", s.dir.path("10.1.2.5")); err != nil {
		t.Fatal(err)
	}
	if s.FindByID("10.1.2.9", "eth0") {
		t.Error("a container is named like the content of a file that is no lease")
	}
	if err := s.ReleaseByID("10.1.2.9", "eth0"); err != nil {
		t.Error(err)
	}
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	for ip, free := range map[string]bool{"10.1.2.2": true, "10.1.2.3": true, "10.1.2.4": false, "10.1.2.5": false} {
		addr, _ := toAddr(net.ParseIP(ip))
		if got, ok := tx.FirstFree(addr, addr); ok != free {
			t.Errorf("%s is free: %v %v", ip, got, ok)
		}
	}
	reserve(t, s, "a", "eth0", "10.1.2.2")
	reserve(t, s, "a", "eth0", "10.1.2.3")
	if ok, err := s.Reserve("a", "eth0", net.ParseIP("10.1.2.4"), "0"); ok || err == nil || !strings.Contains(err.Error(), "/net/10.1.2.4") {
		t.Errorf("reserved a directory: %v, %v", ok, err)
	}
}
