package integration

import (
	"errors"
	"fmt"
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
		host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
		fmt.Fprint(conn, name, " ", host)
		conn.Close()
	}
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

// patience is how long an answer may take. Nobody waits for one that must not
// come any longer.
const (
	patience   = 3 * time.Second
	impatience = 300 * time.Millisecond
)

// ask connects to an address and returns the answer, "" if there is none.
func (p place) ask(network, address string, wait time.Duration) string {
	var answer string
	_ = p.do(func() error {
		conn, err := net.DialTimeout(network, address, wait)
		if err != nil {
			return err
		}
		defer conn.Close()
		answer = exchange(conn, wait)
		return nil
	})
	return answer
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

func exchange(conn net.Conn, wait time.Duration) string {
	_ = conn.SetDeadline(time.Now().Add(wait))
	if _, err := conn.Write([]byte("?")); err != nil {
		return ""
	}
	buffer := make([]byte, 1500)
	n, err := conn.Read(buffer)
	if err != nil {
		return ""
	}
	return string(buffer[:n])
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
