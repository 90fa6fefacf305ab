package store

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
)

func sample(container string) *Record {
	now := time.Unix(1e9, 0).UTC()
	r := &Record{
		ContainerID: container, Netns: "/run/netns/x", IfName: "eth0", Name: "eth0", Config: []byte(`{"name": "net"}`),
		Namespace: Namespace{4, 4026532000}, Index: 7, MAC: "02:00:00:00:00:07",
		V4: &dhcp4.Lease{
			Address: netip.MustParsePrefix("10.1.2.50/24"), Gateway: netip.MustParseAddr("10.1.2.1"), Server: netip.MustParseAddr("10.1.2.1"),
			Obtained: now, Renew: now.Add(1), Rebind: now.Add(2), Expiry: now.Add(3),
		},
		UnappliedV4: true,
	}
	r.FormerV4 = []*dhcp4.Lease{r.V4}
	return r
}

func open(t *testing.T, dir, socket string) *Store {
	t.Helper()
	s, err := Open(dir, socket)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is saved is loaded, by the daemon with the same socket only.
func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	mine, other := open(t, dir, "/mine"), open(t, dir, "/other")
	want := sample("one")
	for _, r := range []*Record{want, want, sample("two")} {
		if err := mine.Save(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Save(sample("three")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := mine.Remove(sample("two").Attachment()); err != nil {
			t.Fatal(err)
		}
	}
	got, problems := mine.Load()
	if len(problems) > 0 || len(got) != 1 {
		t.Fatalf("%d records, problems %v", len(got), problems)
	}
	compare := cmp.Options{
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Config" }, cmp.Ignore()),
	}
	if diff := cmp.Diff(want, got[0], compare); diff != "" {
		t.Error(diff)
	}
	if got[0].Network() != "net" {
		t.Errorf("network %q", got[0].Network())
	}
}

// What was being written, or is no record, is removed and told. What cannot be read is told.
func TestRubbish(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, "/mine")
	paths := []string{s.path(sample("a").Attachment()), s.path(sample("b").Attachment()), s.path(sample("c").Attachment()) + ".cut-off", s.path(sample("d").Attachment())}
	nothing := `{"containerID": "d", "netns": "/run/netns/d", "ifName": "eth0", "index": 7, "formerV4": [null]}`
	for i, text := range []string{"{", `{"containerID": "b"}`, "", nothing} {
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(s.path(sample("unreadable").Attachment()), 0o700); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "README")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	records, problems := s.Load()
	told := 0
	for _, err := range problems {
		if err != nil {
			told++
		}
	}
	if len(records) != 0 || told != 5 {
		t.Errorf("records %v, problems %v", records, problems)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	s, err := Open(dir, "/mine")
	if err != nil {
		f.Fatal(err)
	}
	if err := s.Save(sample("one")); err != nil {
		f.Fatal(err)
	}
	path := s.path(sample("one").Attachment())
	text, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"v6": {"addresses": []}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := parse(path, text); err == nil && (r.Index <= 0 || r.V4 != nil && !r.V4.Address.IsValid()) {
			t.Errorf("record %+v", r)
		}
	})
}
