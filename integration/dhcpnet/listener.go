package dhcpnet

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"
)

// Listener is in a server's place: a test answers, or not.
type Listener struct {
	conn net.PacketConn
	// Messages from clients.
	Messages chan Message
	// ended is closed when nobody reads any longer.
	ended chan struct{}
}

// Message is one from a client.
type Message struct {
	*dhcpv4.DHCPv4
	At   time.Time
	From *net.UDPAddr
}

// Listen listens at the server's port.
func (s *Segment) Listen(t testing.TB) *Listener {
	t.Helper()
	l := &Listener{Messages: make(chan Message, 1000), ended: make(chan struct{})}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		raw.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), "eth0") })
		return err
	}}
	err := s.Do(func() (err error) {
		l.conn, err = config.ListenPacket(context.Background(), "udp4", ":67")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	go l.read()
	return l
}

func (l *Listener) read() {
	defer close(l.ended)
	buffer := make([]byte, 2000)
	for {
		n, from, err := l.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if m, err := dhcpv4.FromBytes(buffer[:n]); err == nil {
			l.Messages <- Message{m, time.Now(), from.(*net.UDPAddr)}
		}
	}
}

// Next returns the next message of a type. It ends the test if that takes longer
// than limit.
func (l *Listener) Next(t testing.TB, kind dhcpv4.MessageType, limit time.Duration) Message {
	t.Helper()
	timeout := time.After(limit)
	for {
		select {
		case m := <-l.Messages:
			if m.MessageType() == kind {
				return m
			}
		case <-timeout:
			t.Fatalf("no %v within %v", kind, limit)
		}
	}
}

// Send sends bytes to all clients.
func (l *Listener) Send(t testing.TB, data []byte) {
	t.Helper()
	if _, err := l.conn.WriteTo(data, &net.UDPAddr{IP: net.IPv4bcast, Port: 68}); err != nil {
		t.Error(err)
	}
}

// Close leaves the port to a server.
func (l *Listener) Close() {
	// No process that is being started keeps the port, and neither does who reads.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	l.conn.Close()
	<-l.ended
}
