package dhcp6

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// A socket waits for packets through the runtime's poller, so that waiting costs
// no thread.
//
// The net package would do, but for zones: it keeps one table of interface
// names and indices for all namespaces.
type socket struct {
	file *os.File
	raw  syscall.RawConn
	buf  []byte
	oob  []byte
}

// A packet is what a socket received. Its data is overwritten by the next.
type packet struct {
	data     []byte
	from     netip.Addr
	hopLimit int
	// cut says that there was more data.
	cut bool
}

// listen opens a socket inside the namespace and lets setup bind it.
func listen(n *link.Namespace, kind, protocol int, setup func(fd int) error) (*socket, error) {
	var s *socket
	err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET6, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		if err := setup(fd); err != nil {
			unix.Close(fd)
			return err
		}
		s = &socket{
			file: os.NewFile(uintptr(fd), "socket"),
			buf:  make([]byte, maxMessage),
			oob:  make([]byte, unix.CmsgSpace(4)),
		}
		s.raw, err = s.file.SyscallConn()
		return err
	})
	return s, err
}

// interrupt makes receive return when ctx ends, until stop is called.
func (s *socket) interrupt(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { s.file.SetReadDeadline(time.Unix(1, 0)) })
}

// receive waits for a packet until the deadline, whose error is
// os.ErrDeadlineExceeded, or the end of ctx, which interrupt has to know.
func (s *socket) receive(ctx context.Context, deadline time.Time) (*packet, error) {
	if err := s.file.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	// If ctx ended before this, the deadline just set hides that.
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var p *packet
	var failure error
	err := s.raw.Read(func(fd uintptr) bool {
		p, failure = s.read(int(fd))
		return !errors.Is(failure, unix.EAGAIN) && !errors.Is(failure, unix.EINTR)
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return p, errors.Join(err, failure)
}

func (s *socket) read(fd int) (*packet, error) {
	n, oobn, flags, from, err := unix.Recvmsg(fd, s.buf, s.oob, 0)
	if err != nil {
		return nil, os.NewSyscallError("recvmsg", err)
	}
	p := &packet{data: s.buf[:n], cut: flags&unix.MSG_TRUNC != 0}
	if from, ok := from.(*unix.SockaddrInet6); ok {
		p.from = netip.AddrFrom16(from.Addr)
	}
	messages, err := unix.ParseSocketControlMessage(s.oob[:oobn])
	if err != nil {
		return nil, fmt.Errorf("read control message: %w", err)
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT && len(m.Data) >= 4 {
			p.hopLimit = int(int32(binary.NativeEndian.Uint32(m.Data)))
		}
	}
	return p, nil
}

// send sends one packet to a group on the link that the socket is bound to. It
// never blocks: one that finds the buffer full is lost as if on the way.
func (s *socket) send(data []byte, to netip.Addr, port int) error {
	var failure error
	err := s.raw.Control(func(fd uintptr) {
		failure = unix.Sendto(int(fd), data, 0, &unix.SockaddrInet6{Addr: to.As16(), Port: port})
	})
	return errors.Join(err, os.NewSyscallError("sendto", failure))
}
