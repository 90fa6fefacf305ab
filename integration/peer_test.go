package integration

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// place is where a peer is: a node or a container.
type place struct {
	do func(func() error) error
}

// serve answers whatever comes to an address of the network, "tcp4" for example,
// with its own name and the address of who asked, until the test ends.
func (p place) serve(t *testing.T, name, network, address string) {
	t.Helper()
	err := p.do(func() error {
		if strings.HasPrefix(network, "udp") {
			conn, err := net.ListenPacket(network, address)
			if err == nil {
				t.Cleanup(func() { conn.Close() })
				go answerPackets(name, conn)
			}
			return err
		}
		listener, err := net.Listen(network, address)
		if err == nil {
			t.Cleanup(func() { listener.Close() })
			go answerConnections(name, listener)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func answerConnections(name string, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go answerConnection(name, conn)
	}
}

// answerConnection closes once the other side has. Who closes with a question unread resets the
// connection, and the answer may be lost with it.
func answerConnection(name string, conn net.Conn) {
	defer conn.Close()
	host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	fmt.Fprint(conn, name, " ", host)
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.Copy(io.Discard, conn)
}

func answerPackets(name string, conn net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		_, from, err := conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			host, _, _ := net.SplitHostPort(from.String())
			_, _ = conn.WriteTo([]byte(name+" "+host), from)
		}
	}
}

// patience is how long an answer may take, on a machine that is busy and loses the first packets
// as well. Nobody waits for one that must not come any longer.
const (
	patience   = 10 * time.Second
	impatience = 300 * time.Millisecond
)

// ask connects to an address and returns the answer, or why there is none.
func (p place) ask(network, address string, wait time.Duration) (answer string, err error) {
	err = p.do(func() error {
		conn, err := net.DialTimeout(network, address, wait)
		if err != nil {
			return err
		}
		defer conn.Close()
		answer, err = exchange(conn, wait)
		return err
	})
	return answer, err
}

// socket returns a UDP socket there, connected to an address.
func (p place) socket(t *testing.T, network, address string) net.Conn {
	t.Helper()
	var conn net.Conn
	err := p.do(func() (err error) {
		conn, err = net.Dial(network, address)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func exchange(conn net.Conn, wait time.Duration) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte("?")); err != nil {
		return "", err
	}
	buffer := make([]byte, 1500)
	n, err := conn.Read(buffer)
	return string(buffer[:n]), err
}

// hasFlowFrom reports whether the kernel there knows a UDP flow from an address.
func (p place) hasFlowFrom(t *testing.T, from *net.UDPAddr) bool {
	t.Helper()
	family := netlink.InetFamily(netlink.FAMILY_V4)
	if from.IP.To4() == nil {
		family = netlink.FAMILY_V6
	}
	found := false
	err := p.do(func() error {
		flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, family)
		for _, f := range flows {
			found = found || f.Forward.Protocol == unix.IPPROTO_UDP && f.Forward.SrcIP.Equal(from.IP) && int(f.Forward.SrcPort) == from.Port
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
