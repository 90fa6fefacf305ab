package dhcpnet

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/node"
)

// startTime bounds the start of a service.
const startTime = 20 * time.Second

// Dnsmasq starts dnsmasq with options beside those that every test needs. It
// says in its output what it does.
func (s *Segment) Dnsmasq(t testing.TB, options ...string) *node.Process {
	t.Helper()
	return s.PingingDnsmasq(t, append([]string{"--no-ping"}, options...)...)
}

// PingingDnsmasq is a Dnsmasq that looks for 3 s whether an address is in use before it
// offers it, as it does by default.
func (s *Segment) PingingDnsmasq(t testing.TB, options ...string) *node.Process {
	t.Helper()
	require(t, "dnsmasq")
	p := s.Start(t, "dnsmasq", append([]string{
		"--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", "--group=root", "--interface=eth0",
		"--bind-interfaces", "--log-dhcp", "--log-facility=-", "--dhcp-leasefile=" + s.leaseFile(),
		"--no-resolv", "--no-hosts", "--pid-file=",
	}, options...)...)
	p.Await(t, "sockets bound exclusively to interface eth0", 1, startTime)
	return p
}

// Range is dnsmasq's option for addresses from net.first to net.last.
func (s *Segment) Range(first, last int) string {
	return fmt.Sprintf("--dhcp-range=%[1]s.%[2]d,%[1]s.%[3]d,255.255.255.0,2m", s.Net, first, last)
}

func (s *Segment) leaseFile() string { return filepath.Join(s.dir, "leases") }

// LeaseFile returns the content of dnsmasq's file of leases.
func (s *Segment) LeaseFile(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(s.leaseFile())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}
