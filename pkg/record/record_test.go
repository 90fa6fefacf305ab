package record

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	for _, text := range []string{"one", "another", ""} {
		if err := Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if have, err := os.ReadFile(path); err != nil || string(have) != text {
			t.Errorf("wrote %q, read %q: %v", text, have, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v: %v", info.Mode(), err)
	}
	if have := names(t, dir); !slices.Equal(have, []string{"x"}) {
		t.Errorf("files: %q", have)
	}
}

// What was cut off between the two names of a file is in nobody's way.
func TestCutOff(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	for _, name := range []string{path, path + replacementSuffix} {
		if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != "new" {
		t.Errorf("read %q: %v", have, err)
	}
	if err := os.WriteFile(path+replacementSuffix, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Remove(path); err != nil {
			t.Error(err)
		}
		if have := names(t, dir); len(have) > 0 {
			t.Errorf("files: %q", have)
		}
	}
}

// What cannot be there is not, and need not be removed.
func TestDirectoryIsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(file, "x")
	found, err := Read(path, new(int))
	names, namesErr := Names(file)
	if found || err != nil || len(names) > 0 || namesErr != nil {
		t.Errorf("read %v, %v; names %q, %v", found, err, names, namesErr)
	}
	if err := Remove(path); err != nil {
		t.Error(err)
	}
	if err := Save(path, 1); err == nil {
		t.Error("written")
	}
}

func TestNoDirectory(t *testing.T) {
	if err := Write(filepath.Join(t.TempDir(), "missing", "x"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "x")
	for _, want := range []int{1, 2} {
		var have int
		if err := Save(path, want); err != nil {
			t.Fatal(err)
		}
		if found, err := Read(path, &have); !found || err != nil || have != want {
			t.Errorf("got %d, %v, %v", have, found, err)
		}
	}
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{dir: true, filepath.Join(dir, "a", "b"): true, filepath.Join(file, "a"): false} {
		if err := Writable(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// The last blocks of ext4 are root's, but for those that it keeps for itself.
func TestHasReserve(t *testing.T) {
	for name, test := range map[string]struct {
		fs   unix.Statfs_t
		want bool
	}{
		"root's":                  {unix.Statfs_t{Type: unix.EXT4_SUPER_MAGIC, Blocks: 1 << 20, Bfree: 4097}, true},
		"nobody's":                {unix.Statfs_t{Type: unix.EXT4_SUPER_MAGIC, Blocks: 1 << 20, Bfree: 4096}, false},
		"nobody's of a small one": {unix.Statfs_t{Type: unix.EXT4_SUPER_MAGIC, Blocks: 5000, Bfree: 100}, false},
		"another kind":            {unix.Statfs_t{Type: unix.XFS_SUPER_MAGIC, Blocks: 1 << 20, Bfree: 60000}, false},
	} {
		if got := hasReserve(&test.fs); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
