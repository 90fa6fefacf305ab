package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// notifyBuffer is how many bytes of notifications may wait. A firewall that is loaded
// anew tells of each of its rules.
const notifyBuffer = 4 << 20

// notifications are what the kernel multicasts to groups of a netlink protocol.
type notifications struct {
	protocol int
	groups   []int
	// handle takes each message.
	handle func(syscall.NetlinkMessage)
	// lost is called when there were too many to be received: of these, it is not known
	// what they said.
	lost func()
}

// subscribe has the kernel notify of what happens from now on in the namespace of the
// calling thread. The function that it returns takes it, until the context ends.
func (n notifications) subscribe() (receive func(context.Context) error, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, n.protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	socket := os.NewFile(uintptr(fd), "netlink")
	// Without privileges over the machine, the buffer is as large as its administrator
	// lets it be.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, notifyBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, notifyBuffer)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	for _, group := range n.groups {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group))
	}
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("subscribe to the kernel's notifications: %w", err)
	}
	return func(ctx context.Context) error { return n.receive(ctx, socket) }, nil
}

func (n notifications) receive(ctx context.Context, socket *os.File) error {
	defer context.AfterFunc(ctx, func() { socket.Close() })()
	buffer := make([]byte, 64<<10)
	for {
		length, err := socket.Read(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			n.lost()
			continue
		case err != nil:
			return fmt.Errorf("receive the kernel's notifications: %w", err)
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:length])
		if err != nil {
			return fmt.Errorf("read the kernel's notifications: %w", err)
		}
		for _, m := range messages {
			n.handle(m)
		}
	}
}

// attribute returns what a message says of a kind, behind a header of so many bytes, or nothing.
func attribute(data []byte, header int, kind uint16) []byte {
	attributes, err := nl.ParseRouteAttr(data[min(len(data), header):])
	if err != nil {
		return nil
	}
	for _, a := range attributes {
		if a.Attr.Type&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER) == kind {
			return a.Value
		}
	}
	return nil
}
