package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// request begins a message for which the netlink package has no function, on a
// connection of its own: that package keeps its own to itself.
func (n *Namespace) request(kind, flags int) (*nl.NetlinkRequest, error) {
	if n.raw == nil {
		socket, err := n.open()
		if err != nil {
			return nil, err
		}
		n.raw = &nl.SocketHandle{Socket: socket}
	}
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: n.raw}
	return req, nil
}

// open makes another connection.
func (n *Namespace) open() (socket *nl.NetlinkSocket, err error) {
	err = n.inside(func() error {
		socket, err = nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to netns %q: %w", n.NetNS.Path(), err)
	}
	// Kernels since 4.20 then leave out of lists what is not asked for.
	_ = unix.SetsockoptInt(socket.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	return socket, nil
}

// maxDumps bounds how often an interrupted dump is repeated.
const maxDumps = 10

// dump collects the answers of type answer to the request for a list, which
// fill adds to the message, and repeats it while it is interrupted.
func (n *Namespace) dump(kind int, answer uint16, fill func(*nl.NetlinkRequest)) (messages [][]byte, err error) {
	for range maxDumps {
		req, err := n.request(kind, unix.NLM_F_DUMP)
		if err != nil {
			return nil, err
		}
		fill(req)
		messages, err = req.Execute(unix.NETLINK_ROUTE, answer)
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return messages, err
		}
	}
	return nil, netlink.ErrDumpInterrupted
}

// readSome hands the answers to the request for a list to more until that returns
// false, and begins anew, with fill, when it is interrupted.
func (n *Namespace) readSome(kind int, fill func(*nl.NetlinkRequest), more func([]byte) (bool, error)) error {
	for range maxDumps {
		if err := n.readSomeOnce(kind, fill, more); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return err
		}
	}
	return netlink.ErrDumpInterrupted
}

func (n *Namespace) readSomeOnce(kind int, fill func(*nl.NetlinkRequest), more func([]byte) (bool, error)) error {
	// A list that is not read to its end leaves its connection unusable.
	socket, err := n.open()
	if err != nil {
		return err
	}
	defer socket.Close()
	req := nl.NewNetlinkRequest(kind, unix.NLM_F_DUMP)
	fill(req)
	if err := socket.Send(req); err != nil {
		return err
	}
	for {
		messages, _, err := socket.Receive()
		if err != nil {
			return err
		}
		for _, m := range messages {
			switch {
			case m.Header.Flags&unix.NLM_F_DUMP_INTR != 0:
				return netlink.ErrDumpInterrupted
			case m.Header.Type == unix.NLMSG_DONE || m.Header.Type == unix.NLMSG_ERROR:
				return answered(m.Data)
			}
			if goOn, err := more(m.Data); !goOn || err != nil {
				return err
			}
		}
	}
}

// answered returns the error at the end of an answer.
func answered(data []byte) error {
	if len(data) < 4 {
		return nil
	}
	if errno := -int32(binary.NativeEndian.Uint32(data)); errno > 0 {
		return syscall.Errno(errno)
	}
	return nil
}

// set changes settings of a link, all of them or, if one is refused at once, none.
func (n *Namespace) set(l netlink.Link, settings ...*nl.RtAttr) error {
	return n.setFlags(l, 0, 0, settings...)
}

// setFlags is set, and changes those of the link's flags (IFF_*) that change has.
func (n *Namespace) setFlags(l netlink.Link, flags, change uint32, settings ...*nl.RtAttr) error {
	req, err := n.request(unix.RTM_SETLINK, unix.NLM_F_ACK)
	if err != nil {
		return err
	}
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index, msg.Flags, msg.Change = int32(l.Attrs().Index), flags, change
	req.AddData(msg)
	for _, setting := range settings {
		req.AddData(setting)
	}
	_, err = req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
