package hostlocal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// privateMounts runs test on a thread with mounts of its own, which vanish with
// the thread. Commands that test starts have them, too.
func privateMounts(t *testing.T, test func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root for private mounts")
	}
	done := make(chan error)
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			done <- err
			return
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			done <- err
			return
		}
		test()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.1.0", dir, twoSets)
	call{id: "a", conf: c}.add(t)
	before := state(t, dir)
	privateMounts(t, func() {
		if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
			t.Error(err)
			return
		}
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
			t.Error(err)
			return
		}
		const readOnly = "read-only file system"
		for _, verb := range []string{"ADD", "STATUS"} {
			_, err := call{verb: verb, id: "b", conf: c}.run(t)
			if err == nil || !strings.Contains(err.Msg, readOnly) || !strings.Contains(err.Msg, dir) {
				t.Errorf("%s: %v", verb, err)
			}
		}
		_, err := call{verb: "DEL", id: "a", conf: c}.run(t)
		if err == nil || !strings.Contains(err.Msg, readOnly) || !strings.Contains(err.Msg, dir+"/net/10.1.2.2") ||
			!strings.Contains(err.Msg, dir+"/net/2001:db8:1::2") || strings.Contains(err.Msg, "\n") {
			t.Errorf("DEL: %v", err)
		}
		for _, verb := range []string{"CHECK", "DEL"} {
			id := map[string]string{"CHECK": "a", "DEL": "unknown"}[verb]
			if _, err := (call{verb: verb, id: id, conf: c}).run(t); err != nil {
				t.Errorf("%s: %v", verb, err)
			}
		}
	})
	if diff := cmp.Diff(before, state(t, dir)); diff != "" {
		t.Error(diff)
	}
	call{verb: "DEL", id: "a", conf: c}.succeeds(t)
}

// TestDiskFull lets a file system run out of inodes and of blocks at each point
// of an ADD. It runs alone: processes that other tests start hold for a moment what
// is open here, and so the space of files that are removed.
func TestDiskFull(t *testing.T) {
	for _, limit := range []string{"nr_inodes", "size"} {
		privateMounts(t, func() {
			dir := t.TempDir()
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, limit+"=50"+map[string]string{"size": "k"}[limit]); err != nil {
				t.Error(err)
				return
			}
			defer unix.Unmount(dir, unix.MNT_DETACH)
			c := conf("1.1.0", dir, twoSets)
			call{id: "first", conf: c}.add(t)
			// Fill it to a margin that is smaller each time.
			filler := filepath.Join(dir, "filler")
			write(t, filler, "")
			failed := 0
			for margin := 12; margin >= 0; margin-- {
				os.RemoveAll(filler)
				fill(t, filler, limit, margin)
				before := state(t, filepath.Join(dir, "net"))
				_, err := call{verb: "ADD", id: "a", conf: c}.run(t)
				if err != nil {
					failed++
					if !strings.Contains(err.Msg, "no space left on device") || !strings.Contains(err.Msg, dir) {
						t.Errorf("%s, margin %d: %v", limit, margin, err)
					}
					if diff := cmp.Diff(before, state(t, filepath.Join(dir, "net"))); diff != "" {
						t.Errorf("%s, margin %d: %s", limit, margin, diff)
					}
				}
				if margin == 0 {
					call{verb: "STATUS", conf: c}.failsWith(t, 50, "no space left on device")
				}
				if _, err := (call{verb: "DEL", id: "a", conf: c}).run(t); err != nil {
					t.Errorf("%s, margin %d: DEL: %v", limit, margin, err)
				}
			}
			if failed == 0 {
				t.Errorf("%s: no ADD failed", limit)
			}
		})
	}
}

// fill takes all blocks or inodes but margin.
func fill(t *testing.T, path, limit string, margin int) {
	t.Helper()
	var stat unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &stat); err != nil {
		t.Error(err)
		return
	}
	if limit == "size" {
		write(t, path, strings.Repeat("x", max(0, int(stat.Bavail)-margin)*int(stat.Bsize)))
		return
	}
	for i := range max(0, int(stat.Ffree)-margin-1) {
		write(t, filepath.Join(path, fmt.Sprint(i)), "")
	}
}

// TestPermissions runs as a user who may not write.
func TestPermissions(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root to become another user")
	}
	dir, err := os.MkdirTemp("", "host-local")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// The test's binary may be where the user may not read.
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "host-local")
	syscall.ForkLock.RLock() // a process that is started would have it open for writing
	err = os.WriteFile(binary, self, 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	c := conf("1.1.0", data, oneSet)
	call{id: "a", conf: c}.add(t)
	before := state(t, data)
	for verb, id := range map[string]string{"ADD": "b", "DEL": "a", "STATUS": "b"} {
		cmd := call{verb: verb, id: id, conf: c, binary: binary}.command()
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.Output()
		if err == nil || !strings.Contains(string(out), "permission denied") || !strings.Contains(string(out), data) {
			t.Errorf("%s: %v: %s", verb, err, out)
		}
	}
	if diff := cmp.Diff(before, state(t, data)); diff != "" {
		t.Error(diff)
	}
}
