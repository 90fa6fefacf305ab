package disk

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// isFresh reports whether the next transaction would use the index.
func isFresh(t *testing.T, s *Store) bool {
	t.Helper()
	x, err := openIndex(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	return x.loaded
}

// TestIndexStale changes the directory as other programs do.
func TestIndexStale(t *testing.T) {
	tests := map[string]func(t *testing.T, s *Store){
		"another lease":   func(t *testing.T, s *Store) { put(t, s, "10.1.2.3", "b\r\neth0") },
		"a lease less":    func(t *testing.T, s *Store) { os.Remove(s.dir.path("10.1.2.2")) },
		"no index":        func(t *testing.T, s *Store) { os.Remove(s.dir.path(indexName)) },
		"empty index":     func(t *testing.T, s *Store) { os.Truncate(s.dir.path(indexName), 0) },
		"half an index":   func(t *testing.T, s *Store) { os.Truncate(s.dir.path(indexName), pageSize+100) },
		"half a header":   func(t *testing.T, s *Store) { os.Truncate(s.dir.path(indexName), 20) },
		"garbled header":  func(t *testing.T, s *Store) { scribble(t, s, leasesAt) },
		"garbled leases":  func(t *testing.T, s *Store) { scribble(t, s, pageSize+pageRecordAt) },
		"garbled blocks":  func(t *testing.T, s *Store) { scribble(t, s, 2*pageSize+pageRecordAt) },
		"something else":  func(t *testing.T, s *Store) { put(t, s, indexName, strings.Repeat("a\r\neth0", 3000)) },
		"renamed within":  func(t *testing.T, s *Store) { os.Rename(s.dir.path("10.1.2.2"), s.dir.path("10.1.2.9")) },
		"copied together": func(t *testing.T, s *Store) { replaceByCopy(t, s) },
		"rewritten":       func(t *testing.T, s *Store) { put(t, s, "10.1.2.2", "b\r\neth0") },
	}
	for name, disturb := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			reserve(t, s, "a", "eth0", "10.1.2.2")
			if !isFresh(t, s) {
				t.Fatal("the index is stale at once")
			}
			disturb(t, s)
			want := map[string][]string{}
			for name, content := range files(t, s) {
				if h, ok := parseHolder([]byte(content)); ok && !strings.HasPrefix(name, lastReservedPrefix) {
					want[h.id] = append(want[h.id], name)
				}
			}
			// First a (see "rewritten": that file is read, and the index made anew).
			for _, id := range []string{"a", "b"} {
				var got []string
				for _, ip := range s.GetByID(id, "eth0") {
					got = append(got, ip.String())
				}
				if diff := cmp.Diff(want[id], got); diff != "" {
					t.Errorf("%s: %s", id, diff)
				}
			}
			reserve(t, s, "c", "eth0", "10.1.2.4")
			if !isFresh(t, s) {
				t.Error("the index was not made anew")
			}
		})
	}
}

func scribble(t *testing.T, s *Store, at int) {
	t.Helper()
	file, err := os.OpenFile(s.dir.path(indexName), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte("\xa5scribble\xa5"), int64(at)); err != nil {
		t.Fatal(err)
	}
}

// replaceByCopy restores the directory from a backup that keeps all times, but
// was made before the last lease.
func replaceByCopy(t *testing.T, s *Store) {
	t.Helper()
	dir := string(s.dir)
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir+".copy", os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir+".copy", "10.1.2.2")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(dir, dir+".old"), os.Rename(dir+".copy", dir),
		os.Chtimes(dir, time.Time{}, info.ModTime())); err != nil {
		t.Fatal(err)
	}
}

// TestIndexSameTick lets another program change the directory as soon as
// possible after a commit, when a kernel's clock has not moved yet.
func TestIndexSameTick(t *testing.T) {
	s := newStore(t)
	for range 300 {
		reserve(t, s, "a", "eth0", "10.1.2.2")
		if err := os.Remove(s.dir.path("10.1.2.2")); err != nil {
			t.Fatal(err)
		}
		if s.FindByID("a", "eth0") {
			t.Fatal("the change was not noticed")
		}
	}
}

// TestIndexUnwritten cannot write the index, as on a full disk that copies what is
// overwritten, and gives the directory the time of the last commit then.
func TestIndexUnwritten(t *testing.T) {
	s := newStore(t)
	reserve(t, s, "a", "eth0", "10.1.2.2")
	x, err := openIndex(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	put(t, s, "10.1.2.3", "b\r\neth0")
	l, err := s.dir.read(netip.MustParseAddr("10.1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	x.apply(change{netip.MustParseAddr("10.1.2.3"), nil, l})
	writable := x.file
	defer writable.Close()
	if x.file, err = os.Open(s.dir.path(indexName)); err != nil {
		t.Fatal(err)
	}
	if err := x.save(); err == nil {
		t.Fatal("the index was written")
	}
	if err := x.stampAgain(); err != nil {
		t.Fatal(err)
	}
	if isFresh(t, s) {
		t.Error("an index without the lease stands for the files")
	}
}
