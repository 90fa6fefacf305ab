package install

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// fill writes files below dir, by name.
func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// read returns the files in dir, by name.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

func expect(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, read(t, dir)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", dir, diff)
	}
}

// Whatever the umask and the directory's group, all may execute what is installed, and
// it is the installing user's. A configuration keeps its mode.
func TestModeAndOwner(t *testing.T) {
	dir := t.TempDir()
	defer unix.Umask(unix.Umask(0o077))
	fill(t, dir, map[string]string{"from/ptp": "plugin", "10-net.conf": `{"name": "net"}`, "bin/foreign": "foreign", "conf/foreign": "foreign"})
	bin, conf := filepath.Join(dir, "bin"), filepath.Join(dir, "10-net.conf")
	for path, mode := range map[string]os.FileMode{bin: 0o755 | os.ModeSetgid, conf: 0o640} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		if err := os.Chown(bin, 0, 12); err != nil {
			t.Fatal(err)
		}
	}
	o := options{from: filepath.Join(dir, "from"), binDir: bin, confDir: filepath.Join(dir, "conf"), conf: conf, names: []string{"ptp"}}
	if err := o.install(); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]uint32{"bin/ptp": 0o755, "conf/10-net.conf": 0o640} {
		var stat unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, path), &stat); err != nil {
			t.Fatal(err)
		}
		if stat.Mode != unix.S_IFREG|mode || int(stat.Uid) != os.Geteuid() || int(stat.Gid) != os.Getegid() {
			t.Errorf("%s: mode %o, owner %d, group %d", path, stat.Mode, stat.Uid, stat.Gid)
		}
	}
}

// What cannot be completed leaves all as it was, and what an install that was killed has
// left is no obstacle.
func TestFailureChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	before := map[string]string{"ptp": "old", "foreign": "foreign"}
	fill(t, bin, before)
	fill(t, dir, map[string]string{"from/ptp": "new", "from/vlan": "new"})
	// In the place of a file is a directory that cannot go.
	fill(t, bin, map[string]string{".vlan.new/file": ""})
	o := options{from: filepath.Join(dir, "from"), binDir: bin, names: []string{"ptp", "vlan"}}
	if err := o.install(); err == nil {
		t.Error("no error")
	}
	if err := os.RemoveAll(filepath.Join(bin, ".vlan.new")); err != nil {
		t.Fatal(err)
	}
	expect(t, bin, before)

	fill(t, bin, map[string]string{".vlan.new": "half"})
	if err := o.install(); err != nil {
		t.Fatal(err)
	}
	installed := read(t, bin)
	delete(installed, filepath.Base(manifestPath(bin)))
	if diff := cmp.Diff(map[string]string{"ptp": "new", "vlan": "new", "foreign": "foreign"}, installed); diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
}

// A plugin that a later install does not have stays until all are removed, be it a
// symbolic link to an executable that has been replaced.
func TestRemoveOfSeveralInstalls(t *testing.T) {
	t.Parallel()
	for _, symlink := range []bool{false, true} {
		dir := t.TempDir()
		bin := filepath.Join(dir, "bin")
		fill(t, bin, map[string]string{"foreign": "foreign"})
		fill(t, dir, map[string]string{"first/cni-plugins": "first", "second/cni-plugins": "second", "second/ptp": "separate"})
		if err := os.Link(filepath.Join(dir, "first/cni-plugins"), filepath.Join(dir, "first/vlan")); err != nil {
			t.Fatal(err)
		}
		o := options{binDir: bin, symlink: symlink, names: []string{self, "ptp", "vlan"}}
		for _, from := range []string{"first", "second"} {
			o.from = filepath.Join(dir, from)
			if err := o.install(); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := read(t, bin)["vlan"], map[bool]string{false: "first", true: "second"}[symlink]; got != want {
			t.Errorf("symlink %v: vlan is %q", symlink, got)
		}
		if err := o.remove(); err != nil {
			t.Fatal(err)
		}
		expect(t, bin, map[string]string{"foreign": "foreign"})
	}
}

// What is no file is left alone, and keeps nothing else from being removed.
func TestRemoveBesideDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	fill(t, dir, map[string]string{"from/ptp": "ptp", "from/vlan": "vlan"})
	o := options{from: filepath.Join(dir, "from"), binDir: bin, names: []string{"ptp", "vlan"}}
	if err := o.install(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(bin, "ptp")); err != nil {
		t.Fatal(err)
	}
	fill(t, bin, map[string]string{"ptp/stranger": "stranger"})
	if err := o.remove(); err != nil {
		t.Fatal(err)
	}
	expect(t, filepath.Join(bin, "ptp"), map[string]string{"stranger": "stranger"})
	if left, err := os.ReadDir(bin); err != nil || len(left) != 1 {
		t.Errorf("error %v, left %v", err, left)
	}
}

// Directories that an install makes are for all, whatever the umask.
func TestModeOfDirectories(t *testing.T) {
	dir := t.TempDir()
	defer unix.Umask(unix.Umask(0o077))
	fill(t, dir, map[string]string{"from/ptp": "plugin", "10-net.conf": `{"name": "net"}`})
	o := options{
		from: filepath.Join(dir, "from"), binDir: filepath.Join(dir, "cni/bin"),
		confDir: filepath.Join(dir, "cni/net.d"), conf: filepath.Join(dir, "10-net.conf"), names: []string{"ptp"},
	}
	if err := o.install(); err != nil {
		t.Fatal(err)
	}
	for _, made := range []string{filepath.Join(dir, "cni"), o.binDir, o.confDir} {
		info, err := os.Stat(made)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o755 {
			t.Errorf("%s: mode %v", made, info.Mode())
		}
	}
}

// Installs at the same time come one after the other: one of the sets is there, whole, and
// the manifest says which.
func TestConcurrentInstalls(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	var installs sync.WaitGroup
	for _, set := range []string{"first", "second", "third"} {
		fill(t, dir, map[string]string{set + "/ptp": set, set + "/vlan": set})
		o := options{from: filepath.Join(dir, set), binDir: bin, names: []string{"ptp", "vlan"}}
		for range 20 {
			installs.Go(func() {
				if err := o.install(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	installs.Wait()
	files := read(t, bin)
	known, err := readManifest(bin)
	if err != nil || files["ptp"] != files["vlan"] || len(files) != 3 || len(known["ptp"]) != 1 {
		t.Errorf("error %v, files %q, manifest %v", err, files, known)
	}
	if ours, err := known.describes(filepath.Join(bin, "ptp")); err != nil || !ours {
		t.Errorf("error %v, manifest %v", err, known)
	}
}

func TestManifest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := manifest{"ptp": {"aa", "bb"}, "vlan": {"bb"}, "/etc/cni/net.d/10 net.conf": {"cc"}}
	if err := want.write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := readManifest(dir)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if names := strings.Join(got.names(), ","); names != "/etc/cni/net.d/10 net.conf,ptp,vlan" {
		t.Errorf("names are %s", names)
	}
}

func TestOvershadowing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	debian, opt := filepath.Join(dir, "usr"), filepath.Join(dir, "opt")
	dirs := []string{filepath.Join(dir, "missing"), debian, opt}
	names := []string{"bridge", "ptp"}
	fill(t, debian, map[string]string{"flannel": ""})
	fill(t, opt, map[string]string{"ptp": ""})
	if got := overshadowing(dirs, opt, names); got != "" {
		t.Errorf("by a stranger: %q", got)
	}
	fill(t, debian, map[string]string{"ptp": ""})
	for of, want := range map[string]string{opt: debian, debian: "", filepath.Join(dir, "elsewhere"): ""} {
		if got := overshadowing(dirs, of, names); got != want {
			t.Errorf("%s: %q, want %q", of, got, want)
		}
	}
	if err := os.RemoveAll(opt); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(debian, opt); err != nil {
		t.Fatal(err)
	}
	if got := overshadowing(dirs, opt, names); got != "" {
		t.Errorf("the same directory: %q", got)
	}
}
