package dhcp_test

import (
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// impatient are flags with which an exchange ends long before an ADD does.
var impatient = []string{"-timeout", "2s", "-resendtimeout", "20s"}

// took fails the test unless an ADD that began at a time got its lease within limits.
func took(t testing.TB, start time.Time, least, most time.Duration) {
	t.Helper()
	if took := time.Since(start); took < least || took > most {
		t.Errorf("ADD took %v, want %v to %v", took, least, most)
	}
}

// A server that tests an address for longer than an exchange takes gives it.
func TestPingingServer(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.PingingDnsmasq(t, s.Range(50, 60))
	dhcpnet.Daemon(t, n, impatient...)
	c := plugged(t, n, s, "c")
	start := time.Now()
	_, call := add(t, n, c, call(c, ""))
	took(t, start, 2900*time.Millisecond, 10*time.Second)
	n.Must(t, "CHECK", call)
	n.Must(t, "DEL", call)
}

// A server that starts when the first exchange is over is asked again, soon.
func TestLateServer(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	listener := s.Listen(t)
	dhcpnet.Daemon(t, n, impatient...)
	c := plugged(t, n, s, "c")
	start := time.Now()
	done := make(chan error)
	go func() { done <- n.Run(t, "ADD", call(c, "")).Err() }()
	first := listener.Next(t, dhcpv4.MessageTypeDiscover, limit)
	for {
		m := listener.Next(t, dhcpv4.MessageTypeDiscover, limit)
		if m.At.Sub(first.At) > 2*time.Second { // of the second exchange
			break
		}
	}
	listener.Close()
	s.Dnsmasq(t, s.Range(50, 60))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	took(t, start, 3*time.Second, 15*time.Second)
	n.Must(t, "DEL", call(c, ""))
}

// A bridge with spanning tree forwards nothing from a new port for twice its forward
// delay.
func TestSpanningTree(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 60))
	n.Exec(t, "ip", "link", "set", "br0", "type", "bridge", "stp_state", "1", "forward_delay", "300")
	dhcpnet.Daemon(t, n, impatient...)
	c := plugged(t, n, s, "c")
	start := time.Now()
	_, call := add(t, n, c, call(c, ""))
	took(t, start, 5*time.Second, 18*time.Second)
	n.Must(t, "DEL", call)
}
