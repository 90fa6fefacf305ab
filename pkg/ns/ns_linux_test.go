package ns_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
)

// temp makes a namespace that ends with the test.
func temp(t testing.TB) ns.NetNS {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	n, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// inode identifies a namespace.
func inode(t testing.TB, n ns.NetNS) uint64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Fstat(int(n.Fd()), &stat); err != nil {
		t.Fatalf("stat %s: %v", n.Path(), err)
	}
	return stat.Ino
}

// threadInode identifies the namespace of the calling thread.
func threadInode() (uint64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var stat unix.Stat_t
	err := unix.Stat("/proc/thread-self/ns/net", &stat)
	return stat.Ino, err
}

func hostInode(t testing.TB) uint64 {
	t.Helper()
	host, err := ns.GetCurrentNS()
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	return inode(t, host)
}

func TestDo(t *testing.T) {
	host, target := hostInode(t), temp(t)
	want := inode(t, target)
	if want == host {
		t.Fatal("TempNetNS did not make a new namespace")
	}

	t.Run("runs inside and is handed the caller's namespace", func(t *testing.T) {
		err := target.Do(func(hostNS ns.NetNS) error {
			if got, err := threadInode(); err != nil || got != want {
				return fmt.Errorf("inside: namespace %d, want %d: %v", got, want, err)
			}
			if got := inode(t, hostNS); got != host {
				return fmt.Errorf("argument: namespace %d, want %d", got, host)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if got, err := threadInode(); err != nil || got != host {
			t.Errorf("afterwards: namespace %d, want %d: %v", got, host, err)
		}
	})

	t.Run("nested is handed the outer namespace", func(t *testing.T) {
		inner := temp(t)
		err := target.Do(func(ns.NetNS) error {
			return inner.Do(func(outer ns.NetNS) error {
				if got := inode(t, outer); got != want {
					return fmt.Errorf("argument: namespace %d, want %d", got, want)
				}
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
	})

	t.Run("concurrently", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 200 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				err := target.Do(func(hostNS ns.NetNS) error {
					got, err := threadInode()
					if h := inode(t, hostNS); err != nil || got != want || h != host {
						return fmt.Errorf("inside %d (want %d), argument %d (want %d): %v", got, want, h, host, err)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				if got, err := threadInode(); err != nil || got != host {
					t.Errorf("afterwards: namespace %d, want %d: %v", got, host, err)
				}
			}()
		}
		wg.Wait()
	})

	t.Run("returns the error unchanged", func(t *testing.T) {
		want := errors.New("potato")
		if got := target.Do(func(ns.NetNS) error { return want }); got != want {
			t.Errorf("error %v, want %v", got, want)
		}
	})

	t.Run("passes a panic on", func(t *testing.T) {
		defer func() {
			if v := recover(); v != "potato" {
				t.Errorf("panic %v", v)
			}
			if got, err := threadInode(); err != nil || got != host {
				t.Errorf("afterwards: namespace %d, want %d: %v", got, host, err)
			}
		}()
		_ = target.Do(func(ns.NetNS) error { panic("potato") })
	})

	t.Run("passes runtime.Goexit on", func(t *testing.T) {
		ended := make(chan bool)
		go func() {
			defer close(ended)
			_ = target.Do(func(ns.NetNS) error { runtime.Goexit(); return nil })
			ended <- true
		}()
		if <-ended {
			t.Error("the caller went on")
		}
	})
}

// Whoever may not enter a namespace gets an error: the thread has never left.
func TestDoWithoutPrivilege(t *testing.T) {
	target := temp(t)
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			ended <- err
			return
		}
		ended <- target.Do(func(ns.NetNS) error { return errors.New("entered") })
	}()
	err := <-ended
	var entry *ns.EntryErr
	if !errors.As(err, &entry) || !errors.Is(err, unix.EPERM) || err.Error() != "error switching to ns "+target.Path()+": operation not permitted" {
		t.Errorf("error %v", err)
	}
}

// To run something in the namespace where it runs anyway takes none: who removes an
// attachment may have no more than CAP_NET_ADMIN.
func TestDoAtHomeWithoutPrivilege(t *testing.T) {
	ended := make(chan error)
	go func() {
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		err := unix.Capset(&header, &none[0])
		home, errHome := ns.GetCurrentNS()
		if err = errors.Join(err, errHome); err == nil {
			err = errors.Join(home.Do(func(ns.NetNS) error { return nil }), home.Close())
		}
		ended <- err
	}()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A thread that cannot get back is nobody's any more.
func TestDoWithoutReturn(t *testing.T) {
	target, host := temp(t), hostInode(t)
	ended := make(chan any)
	go func() {
		defer func() { ended <- recover() }()
		err := target.Do(func(ns.NetNS) error {
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var none [2]unix.CapUserData
			return unix.Capset(&header, &none[0]) // of this thread
		})
		t.Errorf("Do returns: %v", err)
	}()
	want := fmt.Sprintf("return to ns /proc/%d/task/", os.Getpid())
	if v := fmt.Sprint(<-ended); !strings.HasPrefix(v, want) || !strings.HasSuffix(v, unix.EPERM.Error()) {
		t.Errorf("panic %q", v)
	}
	for range 100 {
		if got, err := threadInode(); err != nil || got != host {
			t.Fatalf("namespace %d, want %d: %v", got, host, err)
		}
	}
}

func TestDoNotANamespace(t *testing.T) {
	// procfs counts as the home of a namespace, whatever the file.
	n, err := ns.GetNS("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	err = n.Do(func(ns.NetNS) error { return nil })
	if !errors.Is(err, unix.EINVAL) || !ns.IsGone(err) || err.Error() != "error switching to ns /proc/version: invalid argument" {
		t.Errorf("Do: error %v", err)
	}
	err = n.Set()
	if !errors.Is(err, unix.EINVAL) || err.Error() != "Error switching to ns /proc/version: invalid argument" {
		t.Errorf("Set: error %v", err)
	}
}

func TestSet(t *testing.T) {
	target := temp(t)
	host := hostInode(t)
	got := make(chan uint64)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		if err := target.Set(); err != nil {
			t.Error(err)
		}
		n, err := threadInode()
		if err != nil {
			t.Error(err)
		}
		got <- n
	}()
	if got, want := <-got, inode(t, target); got != want {
		t.Errorf("namespace %d, want %d", got, want)
	}
	if got, err := threadInode(); err != nil || got != host {
		t.Errorf("another thread: namespace %d, want %d: %v", got, host, err)
	}
}

func TestTempNetNS(t *testing.T) {
	a, b := temp(t), temp(t)
	if inode(t, a) == inode(t, b) {
		t.Error("two namespaces are one")
	}

	t.Run("its path opens it", func(t *testing.T) {
		again, err := ns.GetNS(a.Path())
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if got, want := inode(t, again), inode(t, a); got != want {
			t.Errorf("%s is namespace %d, want %d", a.Path(), got, want)
		}
		if again.Fd() == a.Fd() {
			t.Error("GetNS did not open a file descriptor of its own")
		}
	})

	t.Run("no thread stays inside", func(t *testing.T) {
		closed, err := ns.TempNetNS()
		if err != nil {
			t.Fatal(err)
		}
		lost := inode(t, closed)
		if err := closed.Do(func(ns.NetNS) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		threads, err := filepath.Glob("/proc/self/task/*/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		for _, thread := range threads {
			var stat unix.Stat_t
			if err := unix.Stat(thread, &stat); err == nil && stat.Ino == lost {
				t.Errorf("%s is in the closed namespace", thread)
			}
		}
	})
}

func TestGetNSErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	_, err := ns.GetNS(file)
	if e, ok := err.(ns.NSPathNotNSErr); !ok || !strings.HasPrefix(e.Error(), fmt.Sprintf("unknown FS magic on %q: ", file)) {
		t.Errorf("a plain file: %T %v", err, err)
	}

	missing := filepath.Join(dir, "missing")
	_, err = ns.GetNS(missing)
	if e, ok := err.(ns.NSPathNotExistErr); !ok || e.Error() != fmt.Sprintf("failed to Statfs %q: no such file or directory", missing) {
		t.Errorf("a missing path: %T %v", err, err)
	}

	_, err = ns.GetNS(filepath.Join(file, "below"))
	if _, ok := err.(ns.NSPathNotExistErr); ok || !errors.Is(err, unix.ENOTDIR) || !ns.IsGone(err) {
		t.Errorf("a path below a file: %T %v", err, err)
	}

	err = ns.WithNetNSPath(missing, func(ns.NetNS) error { return nil })
	if _, ok := err.(ns.NSPathNotExistErr); !ok {
		t.Errorf("WithNetNSPath of a missing path: %T %v", err, err)
	}
}

func TestWithNetNSPath(t *testing.T) {
	target := temp(t)
	err := ns.WithNetNSPath(target.Path(), func(ns.NetNS) error {
		if got, err := threadInode(); err != nil || got != inode(t, target) {
			return fmt.Errorf("namespace %d, want %d: %v", got, inode(t, target), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestClosed(t *testing.T) {
	n, err := ns.GetCurrentNS()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%q has already been closed", n.Path())
	for what, err := range map[string]error{
		"Do":    n.Do(func(ns.NetNS) error { return nil }),
		"Set":   n.Set(),
		"Close": n.Close(),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", what, err, want)
		}
	}
	n.Fd() // must not panic
}

func BenchmarkDo(b *testing.B) {
	target := temp(b)
	for b.Loop() {
		if err := target.Do(func(ns.NetNS) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
