package dhcp_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

const (
	// prefix is that of IPv6 addresses in these tests.
	prefix   = "2001:db8:1"
	stateful = "--dhcp-range=2001:db8:1::50,2001:db8:1::5f,64,2m"
	slaac    = "--dhcp-range=2001:db8:1::,ra-stateless,64,10m"
)

// router is the server's link-local address.
var router = net.ParseIP("fe80::1")

// dual makes a segment with an IPv4 and an IPv6 prefix.
func dual(t testing.TB, n *node.Node) *dhcpnet.Segment {
	t.Helper()
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.SetUpIPv6(t, prefix)
	return s
}

// only returns the one IPv6 address of a result.
func only(t testing.TB, result *current.Result) *current.IPConfig {
	t.Helper()
	var found []*current.IPConfig
	for _, ip := range result.IPs {
		if ip.Address.IP.To4() == nil {
			found = append(found, ip)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d IPv6 addresses in %v", len(found), result.IPs)
	}
	return found[0]
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
	server := s.Dnsmasq(t, s.Range(50, 60), stateful)
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

// With DHCPv6 the result has an address of either family, and the leases survive
// the daemon.
func TestDHCPv6(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dual(t, n)
	s.Dnsmasq(t, s.Range(50, 60), stateful, "--dhcp-option=option6:dns-server,[2001:db8::53]", "--dhcp-option=option6:domain-search,six.test")
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	result, call := add(t, n, c, call(c, `, "ipv6": "dhcp", "dns": true`))
	address := only(t, result)
	ones, _ := address.Address.Mask.Size()
	if ip, _ := netip.AddrFromSlice(address.Address.IP); !netip.MustParsePrefix(prefix+"::50/124").Contains(ip) || ones != 128 || len(result.IPs) != 2 {
		t.Errorf("addresses %v", result.IPs)
	}
	if dns := fmt.Sprint(result.DNS.Nameservers, result.DNS.Search); !strings.Contains(dns, "2001:db8::53") || !strings.Contains(dns, "six.test") {
		t.Errorf("DNS %+v", result.DNS)
	}
	n.Must(t, "CHECK", call)
	lent := address.Address.IP.String()

	daemon.Stop(syscall.SIGKILL)
	daemon = dhcpnet.Daemon(t, n)
	n.Must(t, "CHECK", call)
	daemon.Await(t, "DHCPv6 lease confirmed", 1, limit)
	eventually(t, limit, func() string {
		if leases := s.LeaseFile(t); !strings.Contains(leases, lent) {
			return "the server has " + leases
		}
		return ""
	})
	c.Exec(t, "ip", "addr", "del", lent+"/128", "dev", "eth0")
	wantIn(t, fails(t, n, "CHECK", call), lent)
	n.Must(t, "DEL", call)
	eventually(t, limit, func() string {
		if leases := s.LeaseFile(t); strings.Contains(leases, lent) || strings.Contains(leases, "10.1.2.") {
			return "after DEL the server has " + leases
		}
		return ""
	})
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

// Without a DHCPv6 server ADD says so in time, and the IPv4 address goes back.
func TestNoDHCPv6Server(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dual(t, n)
	server := s.Dnsmasq(t, s.Range(50, 60))
	dhcpnet.Daemon(t, n, "-timeout", "4s")
	c := plugged(t, n, s, "c")
	start := time.Now()
	err := fails(t, n, "ADD", call(c, `, "ipv6": "dhcp"`))
	wantIn(t, err, "no DHCPv6 server answered")
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("ADD took %v", took)
	}
	server.Await(t, "DHCPRELEASE", 1, limit)
	if leases := dhcpnet.Leases(t, n); len(leases) > 0 {
		t.Errorf("leases %+v", leases)
	}
	err = fails(t, n, "ADD", call(c, `, "ipv6": "ra"`))
	wantIn(t, err, "no router advertisement")
}

// bridged is a call of bridge with dhcp.
func bridged(c *node.Container, ipam string) node.Call {
	out := call(c, "")
	out.Plugin = "bridge"
	out.Config = `{"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0", "ipam": {"type": "dhcp"` + ipam + `}}`
	return out
}

// Addresses and router from advertisements are in the result, and stay what they
// are: the kernel's, which keeps them up to date.
func TestRouterAdvertisements(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dual(t, n)
	s.Dnsmasq(t, s.Range(50, 60), "--enable-ra", slaac, "--dhcp-option=option6:dns-server,[2001:db8::53]")
	dhcpnet.Daemon(t, n)
	c := n.Container(t, "c")
	result, call := allocate(t, n, bridged(c, `, "ipv6": "ra", "dns": true`))
	address := only(t, result)
	ones, _ := address.Address.Mask.Size()
	ip, _ := netip.AddrFromSlice(address.Address.IP)
	if ones != 64 || !netip.MustParsePrefix(prefix+"::/64").Contains(ip) || !address.Gateway.Equal(router) {
		t.Errorf("address %v", address)
	}
	if !slices.Contains(result.DNS.Nameservers, "2001:db8::53") {
		t.Errorf("DNS %+v", result.DNS)
	}
	if have := c.Exec(t, "ip", "-6", "addr", "show", "dev", "eth0"); !strings.Contains(have, ip.String()+"/64 scope global dynamic") {
		t.Errorf("the address is no longer the kernel's:\n%s", have)
	}
	if routes := c.Exec(t, "ip", "-6", "route"); !strings.Contains(routes, "default via fe80::1 dev eth0 proto ra") {
		t.Errorf("routes\n%s", routes)
	}
	n.Must(t, "CHECK", call)
	c.Exec(t, "ping", "-c1", "-W5", prefix+"::1")
	n.Must(t, "DEL", call)
}

// In the mode "both" there are an address that the server lent and one from the
// advertised prefix, and the router.
func TestBoth(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dual(t, n)
	s.Dnsmasq(t, s.Range(50, 60), "--enable-ra", "--dhcp-range=2001:db8:1::50,2001:db8:1::5f,slaac,64,2m")
	dhcpnet.Daemon(t, n)
	c := n.Container(t, "c")
	result, call := allocate(t, n, bridged(c, `, "ipv6": "both"`))
	lengths := make(map[int]bool)
	for _, ip := range result.IPs {
		ones, _ := ip.Address.Mask.Size()
		lengths[ones] = true
		if ones == 64 && !ip.Gateway.Equal(router) {
			t.Errorf("address %v via %v", ip.Address, ip.Gateway)
		}
	}
	if len(result.IPs) != 3 || !lengths[24] || !lengths[64] || !lengths[128] {
		t.Errorf("addresses %v", result.IPs)
	}
	n.Must(t, "CHECK", call)
	c.Exec(t, "ping", "-c1", "-W5", prefix+"::1")
	n.Must(t, "DEL", call)
	eventually(t, limit, func() string {
		if leases := s.LeaseFile(t); strings.Contains(leases, prefix+"::5") {
			return "after DEL the server has " + leases
		}
		return ""
	})
}

// Addresses that are wrong for the link after a restart are taken off at once, and
// others got.
func TestDHCPv6RefusedAfterRestart(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dual(t, n)
	s.Dnsmasq(t, s.Range(50, 60))
	server := s.Kea6(t, prefix, "50", 300)
	daemon := dhcpnet.Daemon(t, n)
	c := plugged(t, n, s, "c")
	_, call := add(t, n, c, call(c, `, "ipv6": "dhcp"`))
	daemon.Stop(syscall.SIGKILL)
	server.Stop(syscall.SIGKILL)
	s.Kea6(t, "2001:db8:2", "70", 300)
	daemon = dhcpnet.Daemon(t, n)
	eventually(t, limit, func() string {
		if got := addresses6(t, c); got != "2001:db8:2::70/128" {
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
	n.Must(t, "DEL", call)
}
