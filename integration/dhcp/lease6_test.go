package dhcp_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// prefix is that of Kea's IPv6 addresses.
const prefix = "2001:db8:1"

// dual makes a segment with an IPv4 and an IPv6 prefix.
func dual(t testing.TB, n *node.Node) *dhcpnet.Segment {
	t.Helper()
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.SetUpIPv6(t, prefix)
	return s
}

// addresses6 returns the global IPv6 addresses of a container's eth0.
func addresses6(t testing.TB, c *node.Container) string {
	t.Helper()
	var out []string
	for _, line := range strings.Split(c.Exec(t, "ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global"), "\n") {
		if fields := strings.Fields(line); len(fields) > 3 {
			out = append(out, fields[3])
		}
	}
	return strings.Join(out, " ")
}

// By default nothing of IPv6 happens.
func TestIPv6IsOff(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dual(t, n)
	server := s.Dnsmasq(t, s.Range(50, 60), "--enable-ra", "--dhcp-range="+prefix+"::50,"+prefix+"::5f,64,2m")
	dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	result, call := add(t, n, c, call(c, ""))
	if len(result.IPs) != 1 || result.IPs[0].Address.IP.To4() == nil {
		t.Errorf("addresses %v", result.IPs)
	}
	n.Must(t, "DEL", call)
	if log := server.Output(); strings.Contains(log, "DHCPSOLICIT") || strings.Contains(log, "DHCPRELEASE(eth0) 00:") {
		t.Errorf("the server heard DHCPv6:\n%s", log)
	}
}

// A server that gives another address on renewal is followed.
func TestDHCPv6Renumbering(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dual(t, n)
	s.Dnsmasq(t, s.Range(50, 60))
	server := s.Kea6(t, prefix, "50", 6)
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, `, "ipv6": "dhcp"`))
	if got := addresses6(t, c); got != prefix+"::50/128" {
		t.Errorf("after ADD: %s", got)
	}
	server.Await(t, "DHCP6_LEASE_RENEW", 2, limit)
	server.Stop(syscall.SIGKILL)
	s.Exec(t, "ip", "addr", "add", "2001:db8:2::1/64", "dev", "eth0", "nodad")
	s.Kea6(t, "2001:db8:2", "70", 6)
	eventually(t, limit, func() string {
		if got := addresses6(t, c); got != "2001:db8:2::70/128" {
			return got + "\n" + daemon.Output()
		}
		return ""
	})
	n.Must(t, "DEL", call)
}

// An address whose server is gone goes when its time is over, and another one is
// looked for.
func TestDHCPv6Expiry(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dual(t, n)
	s.Dnsmasq(t, s.Range(50, 60))
	server := s.Kea6(t, prefix, "50", 4)
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, `, "ipv6": "dhcp"`))
	server.Stop(syscall.SIGKILL)
	eventually(t, limit, func() string {
		if got := addresses6(t, c); got != "" {
			return got + "\n" + daemon.Output()
		}
		return ""
	})
	if got := addresses(t, c); got == "" {
		t.Error("the IPv4 address is gone as well")
	}
	s.Kea6(t, prefix, "51", 60)
	eventually(t, limit, func() string {
		if got := addresses6(t, c); got != prefix+"::51/128" {
			return got + "\n" + daemon.Output()
		}
		return ""
	})
	n.Must(t, "DEL", call)
}

// A link that was down has lost its addresses, and gets them back.
func TestDHCPv6LinkFlap(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dual(t, n)
	s.Dnsmasq(t, s.Range(50, 60))
	s.Kea6(t, prefix, "50", 300)
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, `, "ipv6": "dhcp"`))
	c.Exec(t, "sh", "-ec", "sysctl -qw net.ipv6.conf.eth0.keep_addr_on_down=0; ip link set eth0 down; ip link set eth0 up")
	daemon.Await(t, "DHCPv6 lease confirmed", 1, limit)
	eventually(t, limit, func() string {
		if got := addresses6(t, c); got != prefix+"::50/128" {
			return got + "\n" + daemon.Output()
		}
		return ""
	})
	n.Must(t, "CHECK", call)
	c.Exec(t, "ip", "addr", "del", prefix+"::50/128", "dev", "eth0")
	wantIn(t, fails(t, n, "CHECK", call), prefix+"::50")
	n.Must(t, "DEL", call)
}
