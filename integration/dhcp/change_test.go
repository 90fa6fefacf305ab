package dhcp_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// soon makes dnsmasq's clients renew after 2 s and rebind after 4 s.
func soon(options ...string) []string {
	return append(options, "--dhcp-option=58,2s", "--dhcp-option=59,4s")
}

// Renewal reaches the server, from the address, before T2.
func TestRenew(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	server := s.Dnsmasq(t, soon(s.Range(50, 60))...)
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, ""))
	before := n.State(t, c)
	daemon.Await(t, "lease renewed, expiration is", 2, limit)
	if server.Count("DHCPDISCOVER") != 1 || daemon.Count("rebinding") != 0 {
		t.Errorf("daemon:\n%s\nserver:\n%s", daemon.Output(), server.Output())
	}
	n.Must(t, "CHECK", call)
	if diff := diffNetwork(before, n.State(t, c)); diff != "" {
		t.Errorf("renewal changed something:\n%s", diff)
	}
	n.Must(t, "DEL", call)
}

// A server that renumbers refuses to renew: address, gateway, routes and MTU of the
// interface follow, and the neighbours hear of it.
func TestRenumbered(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	server := s.Dnsmasq(t, soon(s.Range(50, 50), "--dhcp-option=3,10.1.2.1", "--dhcp-option=26,1400",
		"--dhcp-option=121,198.51.100.0/24,10.1.2.9,0.0.0.0/0,10.1.2.1")...)
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, `, "mtu": true, "request": [{"option": "121"}]`))
	link := c.Exec(t, "ip", "link", "show", "eth0")
	if !strings.Contains(link, "mtu 1400 ") {
		t.Errorf("after ADD: %s", link)
	}
	s.Exec(t, "ip", "addr", "add", "10.7.7.1/24", "dev", "eth0")
	server.Stop(syscall.SIGKILL)
	s.Dnsmasq(t, soon("--dhcp-range=10.7.7.70,10.7.7.70,255.255.255.0,2m", "--dhcp-authoritative", "--dhcp-option=26,1300",
		"--dhcp-option=121,203.0.113.0/24,10.7.7.9,0.0.0.0/0,10.7.7.1")...)
	eventually(t, limit, func() string {
		routes, link := c.Exec(t, "ip", "route"), c.Exec(t, "ip", "link", "show", "eth0")
		want := "default via 10.7.7.1 dev eth0 mtu 1300 \n10.7.7.0/24 dev eth0 proto kernel scope link src 10.7.7.70 \n203.0.113.0/24 via 10.7.7.9 dev eth0 mtu 1300 \n"
		if routes != want || addresses(t, c) != "10.7.7.70/24" || !strings.Contains(link, "mtu 1300 ") {
			return fmt.Sprintf("%s\n%s%s\n%s", addresses(t, c), routes, link, daemon.Output())
		}
		return ""
	})
	eventually(t, limit, func() string {
		if neighbours := s.Exec(t, "ip", "neigh"); !strings.Contains(neighbours, "10.7.7.70 dev eth0 lladdr") {
			return "the server's neighbours are " + neighbours
		}
		return ""
	})
	if leases := dhcpnet.Leases(t, n); leases[0].Address != "10.7.7.70/24" {
		t.Errorf("the daemon has %+v", leases)
	}
	n.Must(t, "DEL", call)
	eventually(t, limit, func() string { return s.LeaseFile(t) })
	if link := c.Exec(t, "ip", "link", "show", "eth0"); !strings.Contains(link, "mtu 1500 ") {
		t.Errorf("after DEL: %s", link)
	}
}

// A server that is gone and comes back, with other options, after T2 is found by
// broadcast.
func TestRebind(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	server := s.Dnsmasq(t, soon(s.Range(50, 50), "--dhcp-option=3,10.1.2.1")...)
	daemon := dhcpnet.Daemon(t, n, "-timeout", "1s", "-resendmax", "2s")
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, ""))
	server.Stop(syscall.SIGKILL)
	daemon.Await(t, "renewal time expired, rebinding", 1, limit)
	// Another server, which knows the lease from the file.
	s.Exec(t, "sh", "-ec", "ip addr add 10.1.2.2/24 dev eth0; ip addr del 10.1.2.1/24 dev eth0; ip addr add 10.1.2.1/24 dev eth0")
	s.Dnsmasq(t, soon(s.Range(50, 50), "--dhcp-option=3,10.1.2.2")...)
	daemon.Await(t, "lease rebound, expiration is", 1, limit)
	eventually(t, limit, func() string {
		if routes := c.Exec(t, "ip", "route"); !strings.HasPrefix(routes, "default via 10.1.2.2 ") || strings.Count(routes, "default") != 1 {
			return "routes are " + routes
		}
		return ""
	})
	if got := addresses(t, c); got != "10.1.2.50/24" {
		t.Errorf("addresses %s", got)
	}
	n.Must(t, "DEL", call)
}

// An expired lease is taken off, CHECK says so, and a new one is got as soon as
// there is a server.
func TestExpiry(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	server := s.Kea(t, 50, 50, 4, `, "option-data": [{"name": "routers", "data": "10.1.2.1"}]`)
	daemon := dhcpnet.Daemon(t, n, "-timeout", "1s", "-resendmax", "2s")
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, ""))
	daemon.Await(t, "lease renewed", 1, limit)
	server.Stop(syscall.SIGKILL)
	daemon.Await(t, "lease expired", 1, limit)
	eventually(t, limit, func() string { return addresses(t, c) })
	if routes := c.Exec(t, "ip", "route"); routes != "" {
		t.Errorf("routes left: %s", routes)
	}
	wantIn(t, fails(t, n, "CHECK", call), "lease of eth0 is over")
	s.Kea(t, 50, 50, 4, `, "option-data": [{"name": "routers", "data": "10.1.2.1"}]`)
	eventually(t, limit, func() string {
		if addresses(t, c) != "10.1.2.50/24" || !strings.Contains(c.Exec(t, "ip", "route"), "default via 10.1.2.1") {
			return daemon.Output()
		}
		return ""
	})
	n.Must(t, "CHECK", call)
	n.Must(t, "DEL", call)
	eventually(t, limit, func() string { return keaHolds(t, s, "10.1.2.50") })
}

// keaHolds returns kea's last line about an address unless that says that the
// address was given back: its lifetime is 0 then.
func keaHolds(t testing.TB, s *dhcpnet.Segment, address string) string {
	t.Helper()
	var last string
	for _, line := range strings.Split(s.LeaseFile(t), "\n") {
		if strings.HasPrefix(line, address+",") {
			last = line
		}
	}
	if fields := strings.Split(last, ","); len(fields) < 4 || fields[3] == "0" {
		return ""
	}
	return last
}

// A link that goes down and up again gets its routes back, after the server has
// confirmed the lease; its new name is recorded; a link that is gone is no longer
// cared for. None of that waits for a timer.
func TestLinkEvents(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 50), "--dhcp-option=3,10.1.2.1")
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, ""))

	c.Exec(t, "sh", "-ec", "ip link set eth0 down; ip link set eth0 up")
	daemon.Await(t, "lease confirmed", 1, limit)
	eventually(t, limit, func() string {
		if routes := c.Exec(t, "ip", "route"); !strings.Contains(routes, "default via 10.1.2.1") {
			return "routes are " + routes
		}
		return ""
	})
	n.Must(t, "CHECK", call)

	// The other end: the container's carrier is lost.
	n.Exec(t, "ip", "link", "set", "p-c-eth0", "down")
	n.Exec(t, "ip", "link", "set", "p-c-eth0", "up")
	daemon.Await(t, "lease confirmed", 2, limit)

	c.Exec(t, "sh", "-ec", "ip link set eth0 down; ip link set eth0 name net1; ip link set net1 up")
	daemon.Await(t, "interface is called net1 now", 1, limit)
	daemon.Await(t, "lease confirmed", 3, limit)
	if leases := dhcpnet.Leases(t, n); leases[0].IfName != "net1" {
		t.Errorf("leases %+v", leases)
	}
	wantIn(t, fails(t, n, "CHECK", call), "interface eth0 is missing")

	c.Exec(t, "ip", "link", "del", "net1")
	daemon.Await(t, "interface net1 no longer exists", 1, limit)
	eventually(t, limit, func() string {
		if leases := dhcpnet.Leases(t, n); len(leases) > 0 {
			return fmt.Sprint(leases)
		}
		return ""
	})
	n.Must(t, "DEL", call)
}

// The daemon keeps no namespace alive, and notices when one ends.
func TestNamespaceGone(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 60))
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, ""))
	c.Remove(t)
	start := time.Now()
	daemon.Await(t, "no longer exists", 1, limit)
	t.Logf("noticed after %v", time.Since(start))
	eventually(t, limit, func() string { return strings.TrimSpace(n.Exec(t, "ls", "/var/lib/cni/dhcp")) })
	eventually(t, limit, func() string {
		if links := n.Exec(t, "ip", "-o", "link"); strings.Contains(links, "p-c-eth0") {
			return "the namespace lives on:\n" + links
		}
		return ""
	})
	n.Must(t, "DEL", call)
}
