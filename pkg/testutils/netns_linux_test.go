package testutils_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
)

func TestNewNS(t *testing.T) {
	needRoot(t)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // it is not for real root
	n, err := testutils.NewNS()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	form := regexp.MustCompile(`^/var/run/netns/cnitest-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	if !form.MatchString(n.Path()) {
		t.Errorf("path %s", n.Path())
	}
	if err := n.Do(func(host ns.NetNS) error {
		if inode(t, host) == inode(t, n) {
			return errors.New("it is the namespace of the host")
		}
		links, err := netlink.LinkList()
		if err == nil && len(links) == 0 {
			err = errors.New("there is not even lo")
		}
		return err
	}); err != nil {
		t.Error(err)
	}

	if err := testutils.UnmountNS(n); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(n.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the path is still there: %v", err)
	}
	if err := n.Do(func(ns.NetNS) error { return nil }); err != nil {
		t.Errorf("the handle does not work without the path: %v", err)
	}
	err = testutils.UnmountNS(n)
	if err == nil || !strings.HasPrefix(err.Error(), "failed to unmount NS: at "+n.Path()+": ") {
		t.Errorf("unmounted twice: %v", err)
	}
}

func TestNewNSAtOnce(t *testing.T) {
	needRoot(t)
	before := mounts(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			n, err := testutils.NewNS()
			if err != nil {
				t.Error(err)
				return
			}
			defer n.Close()
			if err := testutils.UnmountNS(n); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	if after := mounts(t); after-before > 1 { // the directory
		t.Errorf("%d mounts before, %d after", before, after)
	}
}

func TestUnmountNSOfOthers(t *testing.T) {
	current, err := ns.GetCurrentNS()
	if err != nil {
		t.Fatal(err)
	}
	defer current.Close()
	if err := testutils.UnmountNS(current); err != nil {
		t.Error(err)
	}
}

func TestPing(t *testing.T) {
	needRoot(t)
	n, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	err = n.Do(func(ns.NetNS) error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(lo); err != nil {
			return err
		}
		if err := testutils.Ping("127.0.0.1", "127.0.0.2", 1); err != nil {
			return err
		}
		if err := testutils.Ping("::1", "::1", 1); err != nil {
			return err
		}
		err = testutils.Ping("127.0.0.1", "192.0.2.1", 1)
		const want = "[ping -c 1 -W 1 -I 127.0.0.1 192.0.2.1] exit status "
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			return fmt.Errorf("without a route: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	err = testutils.Ping("potato", "127.0.0.1", 1)
	if err == nil || err.Error() != `failed to parse IP "potato"` {
		t.Errorf("a bad address: %v", err)
	}
}

func mounts(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func inode(t *testing.T, n ns.NetNS) uint64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Fstat(int(n.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	return stat.Ino
}
