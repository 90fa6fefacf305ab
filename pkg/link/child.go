package link

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddChild makes l, an interface on another one of n, which its ParentIndex
// names, in the namespace container, and returns it as it is there: down. A name
// that is taken is unix.EEXIST, which may also be about something else that has
// to be unique (NLM_F_EXCL).
func (n *Namespace) AddChild(container *Namespace, l netlink.Link) (netlink.Link, error) {
	attrs := l.Attrs()
	attrs.Namespace = netlink.NsFd(container.NetNS.Fd())
	err := n.add(l)
	if errors.Is(err, unix.EEXIST) {
		err = n.addUnseen(container, l, err)
	}
	if err != nil {
		return nil, fmt.Errorf("failed to create %s %q: %w", l.Type(), attrs.Name, err)
	}
	made, err := container.LinkByName(attrs.Name)
	if err != nil {
		err = fmt.Errorf("failed to lookup %q: %w", attrs.Name, err)
		return nil, errors.Join(err, container.Delete(attrs.Name, l.Type()))
	}
	return made, nil
}

// addUnseen makes an interface whose name only n has in use. Linux before 6.14
// looks the name up among the interfaces of who sends the message, too, unless
// the message has an index to look up instead.
func (n *Namespace) addUnseen(container *Namespace, l netlink.Link, exists error) error {
	if _, err := container.LinkByName(l.Attrs().Name); !IsNotFound(err) {
		return exists
	}
	index, err := randomIndex()
	if err != nil {
		return err
	}
	l.Attrs().Index = index
	return n.add(l)
}

func (n *Namespace) add(l netlink.Link) error {
	if m, ok := l.(*Macvlan); ok {
		return n.addMacvlan(m)
	}
	return n.Make(l)
}

// randomIndex returns an index that no interface has: the kernel counts from 1,
// and this is one of 2³⁰ above 2³⁰.
func randomIndex() (int, error) {
	var index [4]byte
	if _, err := rand.Read(index[:]); err != nil {
		return 0, fmt.Errorf("choose an index: %w", err)
	}
	return int(binary.NativeEndian.Uint32(index[:])>>2 | 1<<30), nil
}
