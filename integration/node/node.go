// Package node gives a test a host of its own: a network namespace and a mount
// namespace in which /run, /var/lib and /sys are fresh. On it the test runs the
// real binaries of the plugins, as a container runtime does. A node costs about
// a millisecond, and tests with a node each run in parallel; when the test ends
// the kernel takes the node away with all that is on it.
package node

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/hoststate"
)

// The main thread stays with the main goroutine, so that no other goroutine
// moves it into a node: the thread of a goroutine that ends inside a node ends
// too, which the main thread cannot.
func init() { runtime.LockOSThread() }

// Node is a host of a test's own.
type Node struct {
	network, mounts *os.File
	// root of the file system. Entering a mount namespace leads to its own root,
	// which is another one if the test runs in a chroot.
	root *os.File
}

// New makes a node that lasts as long as the test. Its only link is lo, up. It
// skips the test unless it runs as root.
func New(t testing.TB) *Node {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	n, err := Make()
	if err != nil {
		t.Fatalf("make a node: %v", err)
	}
	t.Cleanup(n.Close)
	return n
}

// Make makes a node that lasts until Close. Its only link is lo, up.
func Make() (*Node, error) {
	n := new(Node)
	if err := n.start(); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// Close lets the kernel take the node away.
func (n *Node) Close() {
	n.network.Close()
	n.mounts.Close()
	n.root.Close()
}

// start makes the namespaces on a thread that ends with it.
func (n *Node) start() error {
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := mountPrivately(); err != nil {
			return err
		}
		if err := SetSysctls(); err != nil {
			return err
		}
		if err := setLoopback(true); err != nil {
			return err
		}
		var err error
		if n.network, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		if n.mounts, err = os.Open("/proc/thread-self/ns/mnt"); err != nil {
			return err
		}
		n.root, err = os.Open("/")
		return err
	})
}

// mountPrivately hides the directories in which plugins keep state.
func mountPrivately() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := leaveNamespaces(); err != nil {
		return err
	}
	for _, m := range []struct{ kind, target, options string }{
		{"tmpfs", "/run", "mode=755"},
		{"tmpfs", "/var/lib", "mode=755"},
		{"sysfs", "/sys", ""}, // shows the network namespace that mounts it
	} {
		if err := unix.Mount(m.kind, m.target, m.kind, 0, m.options); err != nil {
			return fmt.Errorf("mount %s at %s: %w", m.kind, m.target, err)
		}
	}
	return os.MkdirAll(netnsDir, 0o755)
}

// leaveNamespaces takes away the machine's network namespaces, which would vanish while a test runs: the
// kernel unmounts everywhere what somebody removes.
func leaveNamespaces() error {
	paths, err := hoststate.NetnsMounts()
	for _, path := range paths {
		_ = unix.Unmount(path, unix.MNT_DETACH) // an error: it has vanished
	}
	return err
}

// Enter moves the calling goroutine into the node for good, with a thread of
// its own that ends with it.
func (n *Node) Enter() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Setns(int(n.mounts.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter mount namespace: %w", err)
	}
	if err := unix.Fchdir(int(n.root.Fd())); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	if err := unix.Setns(int(n.network.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	return nil
}

// Do runs f inside the node, on a goroutine of its own: f must not end the test.
func (n *Node) Do(f func() error) error {
	return onThread(func() error {
		if err := n.Enter(); err != nil {
			return err
		}
		return f()
	})
}

// onThread runs f on a thread that ends with it, whatever f did to it.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

// Exec runs a command inside the node and returns its output. The test fails if
// the command does.
func (n *Node) Exec(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := n.Try(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Try is Exec for a command that may fail: the error has what it printed. Any
// goroutine may call it.
func (n *Node) Try(name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := n.Do(cmd.Run); err != nil {
		return "", fmt.Errorf("%v: %w\n%s%s", cmd.Args, err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.String(), nil
}

// State takes a picture of the node: its network, that of the containers, and
// all files below /run and /var/lib.
func (n *Node) State(t testing.TB, containers ...*Container) hoststate.State {
	t.Helper()
	place := hoststate.Place{Netns: make(map[string]string), Files: []string{"/run", "/var/lib"}}
	for _, c := range containers {
		place.Netns[filepath.Base(c.Path)] = c.Path
	}
	var state hoststate.State
	err := n.Do(func() (err error) {
		state, err = hoststate.Take(place)
		return err
	})
	if err != nil {
		t.Fatalf("look at the node: %v", err)
	}
	return state
}

// Lasting matches the state that belongs to no attachment and stays on a host
// when the last one is gone: locks, host-local's memory of where it was and the
// directories of its networks, dhcp's directory, portmap's numbers of ports, the
// directories of the plugins' records, and the switch that makes the host a router.
func Lasting() *regexp.Regexp {
	return regexp.MustCompile(`^files: (/run/xtables\.lock|/run/cni(/[a-z-]+|/kernel/[a-z-]+|/portmap/(lock|claims)|/routing/lock)?|/var/lib/cni(/dhcp|/networks(/[^/ ]+(/(lock|last_reserved_ip\.\d+|\.index))?)?)?) |^host sysctls: `)
}

// setLoopback sets lo of the thread's namespace up or down.
func setLoopback(up bool) error {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer handle.Close()
	lo, err := handle.LinkByName("lo")
	if err != nil {
		return err
	}
	set := handle.LinkSetDown
	if up {
		set = handle.LinkSetUp
	}
	return set(lo)
}
