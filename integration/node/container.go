package node

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// netnsDir is where `ip netns` finds network namespaces by name.
const netnsDir = "/run/netns"

// Container is the network namespace of a container that has no process.
type Container struct {
	// Path of the namespace, which the runtime passes as CNI_NETNS.
	Path string
	node *Node
}

// Container makes a network namespace under /run/netns. Its lo is down, and has
// been up before: that leaves 127.0.0.1 on it, which would look like somebody's
// leftover later.
func (n *Node) Container(t testing.TB, name string) *Container {
	t.Helper()
	c := &Container{filepath.Join(netnsDir, name), n}
	err := n.Do(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := SetSysctls(); err != nil {
			return err
		}
		if err := setLoopback(true); err != nil {
			return err
		}
		if err := setLoopback(false); err != nil {
			return err
		}
		if err := os.WriteFile(c.Path, nil, 0); err != nil {
			return err
		}
		return unix.Mount("/proc/thread-self/ns/net", c.Path, "", unix.MS_BIND, "")
	})
	if err != nil {
		t.Fatalf("make container %s: %v", name, err)
	}
	return c
}

// Remove takes the namespace away, as a runtime does with a dead container. The
// kernel deletes what is in it some time later.
func (c *Container) Remove(t testing.TB) {
	t.Helper()
	err := c.node.Do(func() error {
		if err := unix.Unmount(c.Path, unix.MNT_DETACH); err != nil {
			return err
		}
		return os.Remove(c.Path)
	})
	if err != nil {
		t.Fatalf("remove %s: %v", c.Path, err)
	}
}

// Do runs f inside the container, on a goroutine of its own: f must not end the
// test.
func (c *Container) Do(f func() error) error {
	return c.node.Do(func() error {
		file, err := os.Open(c.Path)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter %s: %w", c.Path, err)
		}
		return f()
	})
}

// Exec runs a command inside the container and returns its output. The test
// fails if the command does.
func (c *Container) Exec(t testing.TB, name string, args ...string) string {
	t.Helper()
	return c.node.Exec(t, "nsenter", append([]string{"--net=" + c.Path, name}, args...)...)
}
