// Package link makes, finds and deletes network interfaces. An interface is
// made where it will live, under its final name, in one message: moving a
// device between namespaces waits for an RCU grace period (about 20 ms).
package link

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
	"github.com/containernetworking/plugins/pkg/ns"
)

// Namespace is a network namespace and one rtnetlink connection to it, over
// which everything is done that rtnetlink can do. Only sysctls need a thread
// inside the namespace: see Do.
type Namespace struct {
	netlinksafe.Handle
	NetNS ns.NetNS

	inside func(func() error) error // Do, but at no cost for the namespace of the calling thread
	raw    *nl.SocketHandle
}

// Host opens the namespace that the calling thread is in.
func Host() (*Namespace, error) {
	current, err := ns.GetCurrentNS()
	if err != nil {
		return nil, err
	}
	n, err := connect(current, func(f func() error) error { return f() })
	if err != nil {
		current.Close()
	}
	return n, err
}

// Open opens the namespace at path, which is what the runtime passes as
// CNI_NETNS. The error for a path that does not exist wraps
// ns.NSPathNotExistErr.
func Open(path string) (*Namespace, error) {
	target, err := ns.GetNS(path)
	if err != nil {
		return nil, fmt.Errorf("failed to open netns %q: %w", path, err)
	}
	return At(target)
}

// At takes over an open namespace, which Close closes; so does an error.
func At(netNS ns.NetNS) (*Namespace, error) {
	n, err := Borrow(netNS)
	if err != nil {
		netNS.Close()
	}
	return n, err
}

// Borrow is At for a namespace that stays open: Disconnect takes the place of Close.
func Borrow(netNS ns.NetNS) (*Namespace, error) {
	return connect(netNS, func(f func() error) error {
		return netNS.Do(func(ns.NetNS) error { return f() })
	})
}

// connect makes the connection inside the namespace: a socket belongs to the
// one in which it was made.
func connect(netNS ns.NetNS, inside func(func() error) error) (*Namespace, error) {
	n := &Namespace{NetNS: netNS, inside: inside}
	err := inside(func() (err error) {
		n.Handle, err = netlinksafe.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to netns %q: %w", netNS.Path(), err)
	}
	return n, nil
}

// Close releases the connection and the namespace.
func (n *Namespace) Close() {
	n.Disconnect()
	n.NetNS.Close()
}

// Disconnect releases the connection alone.
func (n *Namespace) Disconnect() {
	n.Handle.Close()
	if n.raw != nil {
		n.raw.Close()
	}
}

// Is reports whether other is the same namespace.
func (n *Namespace) Is(other *Namespace) (bool, error) {
	var stats [2]unix.Stat_t
	for i, netNS := range []ns.NetNS{n.NetNS, other.NetNS} {
		if err := unix.Fstat(int(netNS.Fd()), &stats[i]); err != nil {
			return false, fmt.Errorf("stat netns %q: %w", netNS.Path(), err)
		}
	}
	return stats[0].Dev == stats[1].Dev && stats[0].Ino == stats[1].Ino, nil
}

// Do runs f on a thread inside the namespace, for what rtnetlink cannot do:
// /proc/sys/net shows the namespace of the thread that opens it.
func (n *Namespace) Do(f func() error) error {
	return n.NetNS.Do(func(ns.NetNS) error { return f() })
}
