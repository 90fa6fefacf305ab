package integration

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An association through the host gets to the container and its answers back, in
// both families.
func TestPortmapAssociation(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	needsSCTP(t, s.one)
	const ports = `{"hostPort": 9000, "containerPort": 90, "protocol": "sctp"}`
	s.Must(t, "ADD", portmapCall("one", backendKey("iptables"), ports, oneV4+"/24", oneV6+"/64"))
	for _, family := range []struct{ outside, host, container string }{
		{outsideV4, hostV4, oneV4},
		{outsideV6, hostV6, oneV6},
	} {
		s.one.serveSCTP(t, "one", netip.AddrPortFrom(netip.MustParseAddr(family.container), 90))
		from, to := netip.MustParseAddr(family.outside), netip.AddrPortFrom(netip.MustParseAddr(family.host), 9000)
		if got, want := s.outside.askSCTP(t, from, to), "one "+family.outside; got != want {
			t.Errorf("%v answers %q, want %q", to, got, want)
		}
	}
}

func needsSCTP(t *testing.T, p place) {
	t.Helper()
	file, err := p.socketSCTP(unix.AF_INET, func(int) error { return nil })
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		t.Skip("kernel lacks SCTP")
	}
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
}

// socketSCTP makes a socket there, of which package net takes those that are
// streams for TCP's.
func (p place) socketSCTP(family int, use func(int) error) (file *os.File, err error) {
	err = p.do(func() error {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
		if err != nil {
			return err
		}
		timeout := unix.NsecToTimeval(patience.Nanoseconds())
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout) // for connect
		if err == nil {
			err = use(fd)
		}
		file = os.NewFile(uintptr(fd), "sctp")
		return err
	})
	return file, err
}

func sockaddr(address netip.AddrPort) (family int, sa unix.Sockaddr) {
	if address.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Addr: address.Addr().As4(), Port: int(address.Port())}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Addr: address.Addr().As16(), Port: int(address.Port())}
}

// serveSCTP answers associations as serve does connections.
func (p place) serveSCTP(t *testing.T, name string, address netip.AddrPort) {
	t.Helper()
	family, sa := sockaddr(address)
	file, err := p.socketSCTP(family, func(fd int) error {
		return errors.Join(unix.Bind(fd, sa), unix.Listen(fd, 1))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go answerConnections(name, listener)
}

// askSCTP returns the answer of an address, "" if there is none. It asks from one
// address: an association else takes others of the same host for as good.
func (p place) askSCTP(t *testing.T, from netip.Addr, address netip.AddrPort) string {
	t.Helper()
	_, source := sockaddr(netip.AddrPortFrom(from, 0))
	family, sa := sockaddr(address)
	file, err := p.socketSCTP(family, func(fd int) error {
		return errors.Join(unix.Bind(fd, source), unix.Connect(fd, sa))
	})
	if err != nil {
		t.Logf("connect to %v: %v", address, err)
		return ""
	}
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 100)
	size, err := conn.Read(answer)
	if err != nil {
		t.Logf("read: %v", err)
		return ""
	}
	return string(answer[:size])
}

// The first packet of an SCTP association gets to the container. The packet is
// made by hand, as kernels without SCTP translate it as well.
func TestPortmapSCTP(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s := newStreet(t)
		s.Must(t, "ADD", portmapCall("one", backendKey(backend), `{"hostPort": 9000, "containerPort": 90, "protocol": "sctp"}`, oneV4+"/24"))
		receiver := s.one.rawSCTP(t)
		sender := s.outside.rawSCTP(t)
		if _, err := sender.WriteTo(associationInit(9000), &net.IPAddr{IP: net.ParseIP(hostV4)}); err != nil {
			t.Fatal(err)
		}
		if err := receiver.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		packet := make([]byte, 1500)
		size, from, err := receiver.ReadFrom(packet)
		if err != nil {
			t.Fatal(err)
		}
		if port := binary.BigEndian.Uint16(packet[2:]); size < 4 || port != 90 || from.String() != outsideV4 {
			t.Errorf("port %d, from %v", port, from)
		}
	})
}

func (p place) rawSCTP(t *testing.T) net.PacketConn {
	t.Helper()
	var conn net.PacketConn
	err := p.do(func() (err error) {
		conn, err = net.ListenPacket(fmt.Sprint("ip4:", unix.IPPROTO_SCTP), "0.0.0.0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// associationInit returns a packet with an INIT chunk (RFC 9260, section 3.3.2).
func associationInit(port uint16) []byte {
	packet := make([]byte, 12+20)
	binary.BigEndian.PutUint16(packet, 5000)
	binary.BigEndian.PutUint16(packet[2:], port)
	chunk := packet[12:]
	chunk[0], chunk[3] = 1, 20
	binary.BigEndian.PutUint32(chunk[4:], 1)
	binary.BigEndian.PutUint32(chunk[8:], 1<<16)
	chunk[13], chunk[15] = 1, 1
	sum := crc32.Checksum(packet, crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(packet[8:], sum)
	return packet
}
