package nft

import (
	"bytes"
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// socket is a blocking socket of nfnetlink. The kernel has its answer ready when it has
// got the question, so there is never anything to wait for, as with those of netlink/nl,
// which also receive into an array on the stack that is larger than all stacks before.
type socket struct {
	fd int
	// buffer is for a datagram: parts of lists have up to 32 KiB, errors repeat what
	// they are about.
	buffer []byte
}

func openSocket() (socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	return socket{fd: fd, buffer: make([]byte, 64<<10)}, os.NewSyscallError("socket", err)
}

func (s *socket) close() { unix.Close(s.fd) }

// send sends a datagram to the kernel.
func (s *socket) send(datagram []byte) error {
	// It must fit into the send buffer, 208 KiB by default; only a privileged process
	// may make that larger, and others get the error of sendto.
	if len(datagram) > 64<<10 {
		_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 2*len(datagram))
	}
	return unix.Sendto(s.fd, datagram, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// receive returns the messages of the next datagram. flags are those of recvfrom(2).
func (s *socket) receive(flags int) ([]syscall.NetlinkMessage, error) {
	for {
		n, _, err := unix.Recvfrom(s.fd, s.buffer, unix.MSG_TRUNC|flags)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		case n > len(s.buffer):
			return nil, unix.EMSGSIZE
		}
		return syscall.ParseNetlinkMessage(bytes.Clone(s.buffer[:n]))
	}
}
