package dhcp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxPacket is the longest packet that is read. Option 57 says that ours are to
// be at most 1500 bytes long.
const maxPacket = 4096

// socket sends and receives IPv4 packets on one interface, whatever addresses
// that has. It is not blocking: waiting costs no thread.
type socket struct {
	file  *os.File
	index int
}

// openSocket opens a socket in the network namespace of the calling thread, to
// which it belongs from then on.
func openSocket(index int) (*socket, error) {
	// With protocol 0 nothing arrives before the filter is there.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	if err := setUp(fd, index); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set packet socket up: %w", err)
	}
	return &socket{os.NewFile(uintptr(fd), "packet"), index}, nil
}

func setUp(fd, index int) error {
	filter := filterProgram()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_IP), Ifindex: index})
}

// filterProgram lets UDP packets for the client's port pass: a container's other
// traffic must not wake us.
func filterProgram() []unix.SockFilter {
	const ldb, ldh, ldhx, ldxMSH, jeq, jset, ret = 0x30, 0x28, 0x48, 0xb1, 0x15, 0x45, 0x06
	return []unix.SockFilter{
		{Code: ldb, K: 9},
		{Code: jeq, K: protoUDP, Jf: 5},
		{Code: ldh, K: 6},
		{Code: jset, K: 0x1fff, Jt: 3}, // a later fragment has no ports
		{Code: ldxMSH, K: 0},
		{Code: ldhx, K: 2},
		{Code: jeq, K: clientPort, Jt: 1},
		{Code: ret, K: 0},
		{Code: ret, K: 1 << 18},
	}
}

func (s *socket) close() { s.file.Close() }

// send sends a message to a hardware address; nil is the link's broadcast.
func (s *socket) send(src, dst netip.Addr, via net.HardwareAddr, message []byte) error {
	to := &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_IP), Ifindex: s.index, Halen: uint8(len(via))}
	copy(to.Addr[:], via)
	packet := datagram(src, dst, message)
	conn, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	waitErr := conn.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), packet, 0, to)
		return err != unix.EAGAIN
	})
	return errors.Join(waitErr, err)
}

// receive waits for a message until the file's read deadline, and returns it
// with the hardware address that it came from. A packet that is no message for a
// client is nil.
func (s *socket) receive(buffer []byte) ([]byte, net.HardwareAddr, error) {
	conn, err := s.file.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	var n, oobn, flags int
	var from unix.Sockaddr
	oob := make([]byte, unix.CmsgSpace(int(unsafe.Sizeof(unix.TpacketAuxdata{}))))
	waitErr := conn.Read(func(fd uintptr) bool {
		n, oobn, flags, from, err = unix.Recvmsg(int(fd), buffer, oob, 0)
		return err != unix.EAGAIN
	})
	switch {
	case waitErr != nil:
		return nil, nil, waitErr
	case err != nil:
		return nil, nil, err
	}
	ll, ok := from.(*unix.SockaddrLinklayer)
	if !ok || flags&unix.MSG_TRUNC != 0 {
		return nil, nil, nil
	}
	message, ok := payload(buffer[:n], checksummed(oob[:oobn]))
	if !ok {
		return nil, nil, nil
	}
	return message, append(net.HardwareAddr(nil), ll.Addr[:min(int(ll.Halen), len(ll.Addr))]...), nil
}

// checksummed reads from the ancillary data whether the packet has a checksum
// that can be checked.
func checksummed(oob []byte) bool {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return true
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 4 {
			return binary.NativeEndian.Uint32(m.Data)&unix.TP_STATUS_CSUMNOTREADY == 0
		}
	}
	return true
}

// bigEndian returns a number as the kernel wants it in a sockaddr_ll.
func bigEndian(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}
