package loopback

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// conn is an rtnetlink connection, which also gets what the kernel notifies of links and addresses. The
// netlink package would make the start of the process longer than all of this takes.
type conn struct{ socket int }

// groups are those of links and addresses.
const groups = 1<<(unix.RTNLGRP_LINK-1) | 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1)

// dial connects to the namespace of the calling thread.
func dial() (conn, error) {
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return conn{}, os.NewSyscallError("socket", err)
	}
	err = unix.Bind(socket, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups})
	if err != nil {
		unix.Close(socket)
		return conn{}, os.NewSyscallError("bind", err)
	}
	return conn{socket}, nil
}

func (c conn) close() { unix.Close(c.socket) }

// message is one from the kernel.
type message syscall.NetlinkMessage

// Offsets in struct ifinfomsg and, of the prefix length, struct ifaddrmsg. Both have the
// index at the same place.
const (
	indexOffset  = 4
	flagsOffset  = 8
	changeOffset = 12
	prefixOffset = 1
)

// isOfLo reports whether a message is of a kind (RTM_NEW*) and about lo.
func (m message) isOfLo(kind uint16) bool {
	return m.Header.Type == kind && len(m.Data) >= unix.SizeofIfAddrmsg && m.word(indexOffset) == index
}

// word returns the number at an offset, 0 where the message is shorter.
func (m message) word(offset int) uint32 {
	if len(m.Data) < offset+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(m.Data[offset:])
}

// linkMessage is the struct ifinfomsg about lo.
func linkMessage(flags, change uint32) []byte {
	m := binary.NativeEndian.AppendUint32(nil, 0) // of any family and type
	for _, word := range []uint32{index, flags, change} {
		m = binary.NativeEndian.AppendUint32(m, word)
	}
	return m
}

// ask sends a request, for a list (NLM_F_DUMP) or with NLM_F_ACK, and returns all messages up
// to the end of the answer.
func (c conn) ask(kind, flags uint16, body []byte) ([]message, error) {
	m := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = binary.NativeEndian.AppendUint16(m, unix.NLM_F_REQUEST|flags)
	m = append(m, make([]byte, 8)...) // sequence number, which one at a time does not need, and port
	if err := unix.Sendto(c.socket, append(m, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, os.NewSyscallError("sendto", err)
	}
	var all []message
	for buffer := make([]byte, 32<<10); ; {
		n, _, err := unix.Recvfrom(c.socket, buffer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("recvfrom", err)
		}
		messages, err := syscall.ParseNetlinkMessage(bytes.Clone(buffer[:n]))
		if err != nil {
			return nil, fmt.Errorf("read an answer: %w", err)
		}
		for _, m := range messages {
			if m.Header.Type != unix.NLMSG_ERROR && m.Header.Type != unix.NLMSG_DONE {
				all = append(all, message(m))
				continue
			}
			if errno := -int32(message(m).word(0)); errno > 0 {
				return nil, syscall.Errno(errno)
			}
			return all, nil
		}
	}
}
