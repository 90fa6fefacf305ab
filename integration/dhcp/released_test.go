package dhcp_test

import (
	"syscall"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// The release comes from the leased address and the client's port, as servers and relays
// expect it (RFC 2131, 4.4.6), also where the interface has the address no longer.
func TestReleaseFromTheAddress(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	server := s.Dnsmasq(t, s.Range(50, 51))
	dhcpnet.Daemon(t, n)
	here, gone := plugged(t, n, s, "here"), plugged(t, n, s, "gone")
	calls := []node.Call{call(here, ""), call(gone, "")}
	calls[1].ContainerID = "other"
	want := make([]string, len(calls))
	for i, c := range []*node.Container{here, gone} {
		result, added := add(t, n, c, calls[i])
		calls[i], want[i] = added, result.IPs[0].Address.IP.String()
	}
	gone.Exec(t, "ip", "addr", "flush", "dev", "eth0")
	server.Stop(syscall.SIGKILL)
	server.Wait()
	listener := s.Listen(t)
	for i, call := range calls {
		n.Must(t, "DEL", call)
		m := listener.Next(t, dhcpv4.MessageTypeRelease, limit)
		if got := m.From.String(); got != want[i]+":68" || m.ClientIPAddr.String() != want[i] {
			t.Errorf("%s is released from %s as %v", want[i], got, m.ClientIPAddr)
		}
		if got := m.ServerIdentifier().String(); got != s.Net+".1" {
			t.Errorf("%s is released to server %s", want[i], got)
		}
	}
}
