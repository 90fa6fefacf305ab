package daemon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// watcher hears of the links of all containers over one socket, which keeps no
// namespace alive: the kernel passes on what happens in every namespace that has
// a number in ours (NETLINK_LISTEN_ALL_NSID, Linux 4.2), and says when it ends.
type watcher struct {
	file *os.File
}

// place is an interface in a namespace, by their numbers.
type place struct{ nsid, index int }

// event is something that the kernel told. Lost is that it told more than we
// heard.
type event struct {
	place
	// kind is RTM_NEWLINK, RTM_DELLINK, RTM_DELNSID, or 0 for lost ones.
	kind uint16
	name string
	linkState
}

// linkState is what of a link's state may mean that it was elsewhere.
type linkState struct {
	// up: nobody has set the link down. running: it is up, and so is its other end.
	up, running bool
	// changes counts how often the carrier came or went: the kernel may tell of
	// several at once.
	changes uint32
}

func newWatcher() (*watcher, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	if err := listen(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen to changes of links: %w", err)
	}
	return &watcher{os.NewFile(uintptr(fd), "netlink")}, nil
}

func listen(fd int) error {
	// Enough for many containers to start at once. Without the privilege to
	// exceed the system's limit, less.
	const buffer = 4 << 20
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for _, group := range []int{unix.RTNLGRP_LINK, unix.RTNLGRP_NSID} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group); err != nil {
			return err
		}
	}
	return unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_LISTEN_ALL_NSID, 1)
}

func (w *watcher) close() { w.file.Close() }

// run hands on what the kernel tells until the watcher is closed.
func (w *watcher) run(tell func(event)) error {
	conn, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	buffer, oob := make([]byte, 64<<10), make([]byte, 128)
	for {
		var n, oobn int
		waitErr := conn.Read(func(fd uintptr) bool {
			n, oobn, _, _, err = unix.Recvmsg(int(fd), buffer, oob, 0)
			return err != unix.EAGAIN
		})
		switch {
		case errors.Is(waitErr, os.ErrClosed):
			return nil
		case waitErr != nil:
			return waitErr
		case err == unix.ENOBUFS:
			tell(event{})
			continue
		case err != nil:
			return fmt.Errorf("hear of changes of links: %w", err)
		}
		for _, e := range events(buffer[:n], origin(oob[:oobn])) {
			tell(e)
		}
	}
}

// ownNamespace stands for the namespace of the daemon, whose events have no
// number.
const ownNamespace = -1

// origin returns the number of the namespace that a message is from.
func origin(oob []byte) int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return ownNamespace
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_NETLINK && m.Header.Type == unix.NETLINK_LISTEN_ALL_NSID && len(m.Data) >= 4 {
			return int(int32(binary.NativeEndian.Uint32(m.Data)))
		}
	}
	return ownNamespace
}

func events(data []byte, nsid int) []event {
	messages, err := syscall.ParseNetlinkMessage(data)
	if err != nil {
		return nil
	}
	var out []event
	for _, m := range messages {
		switch m.Header.Type {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK:
			if e, ok := linkEvent(m.Header.Type, m.Data, nsid); ok {
				out = append(out, e)
			}
		case unix.RTM_DELNSID:
			// In front of the attributes is a struct rtgenmsg.
			const header = 4
			if len(m.Data) < header {
				continue
			}
			attrs, _ := nl.ParseRouteAttr(m.Data[header:])
			for _, a := range attrs {
				if a.Attr.Type == unix.NETNSA_NSID && len(a.Value) >= 4 {
					out = append(out, event{kind: m.Header.Type, place: place{nsid: int(int32(binary.NativeEndian.Uint32(a.Value)))}})
				}
			}
		}
	}
	return out
}

// present returns what an event about a link would tell now. It belongs into the
// link's namespace.
func present(index int) (event, error) {
	request := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK)
	info := nl.NewIfInfomsg(unix.AF_UNSPEC)
	info.Index = int32(index)
	request.AddData(info)
	messages, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil {
		return event{}, fmt.Errorf("look link %d up: %w", index, err)
	}
	for _, m := range messages {
		if e, ok := linkEvent(unix.RTM_NEWLINK, m, ownNamespace); ok {
			return e, nil
		}
	}
	return event{}, fmt.Errorf("look link %d up: no answer", index)
}

func linkEvent(kind uint16, data []byte, nsid int) (event, bool) {
	if len(data) < unix.SizeofIfInfomsg {
		return event{}, false
	}
	info := nl.DeserializeIfInfomsg(data)
	if info.Family != unix.AF_UNSPEC { // of a bridge, about a port
		return event{}, false
	}
	e := event{
		kind:  kind,
		place: place{nsid, int(info.Index)},
	}
	e.up = info.Flags&unix.IFF_UP != 0
	const running = unix.IFF_UP | unix.IFF_RUNNING
	e.running = info.Flags&running == running
	attrs, err := nl.ParseRouteAttr(data[info.Len():])
	for _, a := range attrs {
		switch {
		case a.Attr.Type == unix.IFLA_IFNAME:
			e.name = nl.BytesToString(a.Value)
		case a.Attr.Type == unix.IFLA_CARRIER_CHANGES && len(a.Value) >= 4:
			e.changes = binary.NativeEndian.Uint32(a.Value)
		}
	}
	return e, err == nil
}
