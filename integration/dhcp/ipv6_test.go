package dhcp_test

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// site6 is a node with a server for both families, and a call of bridge for a
// container on it.
func site6(t *testing.T, mode string, options ...string) (*node.Node, *dhcpnet.Segment, *node.Process, *node.Container, node.Call) {
	t.Helper()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Exec(t, "ip", "addr", "add", "fd00:1:2::1/64", "dev", "eth0", "nodad")
	server := s.Dnsmasq(t, append([]string{s.Range(50, 60), "--dhcp-option=3,10.1.2.1", "--dhcp-option=option6:dns-server,[fd00:1:2::53]"}, options...)...)
	c := n.Container(t, "c")
	return n, s, server, c, node.Call{
		Plugin: "bridge", ContainerID: "container", Netns: c.Path, IfName: "eth0",
		Config: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0",
			"ipam": {"type": "dhcp", "dns": true, "ipv6": %q}}`, mode),
	}
}

const (
	stateful = "--dhcp-range=fd00:1:2::1000,fd00:1:2::2000,64,2m"
	slaac    = "--dhcp-range=fd00:1:2::,ra-only,64,10m"
	both     = "--dhcp-range=fd00:1:2::1000,fd00:1:2::2000,slaac,64,2m"
)

// ips returns the addresses of a result by family.
func ips(r *current.Result) (v4, v6 []netip.Prefix) {
	for _, ip := range r.IPs {
		p := netip.MustParsePrefix(ip.Address.String())
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return v4, v6
}

// Each mode gives its addresses and routes, which work and pass CHECK; DEL gives
// back what was lent.
func TestIPv6(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode    string
		options []string
		bits    []int
		gateway bool
	}{
		{"dhcp", []string{"--enable-ra", stateful}, []int{128}, false},
		{"ra", []string{"--enable-ra", slaac}, []int{64}, true},
		{"both", []string{"--enable-ra", both}, []int{128, 64}, true},
	} {
		t.Run(test.mode, func(t *testing.T) {
			t.Parallel()
			n, s, _, c, call := site6(t, test.mode, test.options...)
			daemon := dhcpnet.Daemon(t, n)
			result, call := allocate(t, n, call)
			v4, v6 := ips(result)
			var bits []int
			for _, p := range v6 {
				bits = append(bits, p.Bits())
			}
			if len(v4) != 1 || fmt.Sprint(bits) != fmt.Sprint(test.bits) {
				t.Fatalf("addresses %v and %v\n%s", v4, v6, daemon.Output())
			}
			var routes6 int
			for _, r := range result.Routes {
				if r.Dst.String() == "::/0" {
					routes6++
				}
			}
			if (routes6 == 1) != test.gateway {
				t.Errorf("routes %v", result.Routes)
			}
			if test.mode != "ra" && !strings.Contains(fmt.Sprint(result.DNS.Nameservers), "fd00:1:2::53") {
				t.Errorf("name servers %v", result.DNS.Nameservers)
			}
			n.Must(t, "CHECK", call)
			// The way to others on the link comes with an advertisement, for which ADD
			// waits only if it is asked to.
			eventually(t, limit, func() string {
				if routes := c.Exec(t, "ip", "-6", "route"); !strings.Contains(routes, "default via fe80::") {
					return "routes are " + routes
				}
				return ""
			})
			for _, p := range v6 {
				c.Exec(t, "ping", "-6", "-c1", "-W5", "-I", p.Addr().String(), "fd00:1:2::1")
			}
			n.Must(t, "DEL", call)
			eventually(t, limit, func() string {
				if leases := s.LeaseFile(t); strings.Contains(leases, "10.1.2.") || strings.Contains(leases, "fd00:1:2::1") {
					return "the server has " + leases
				}
				return ""
			})
			if files := strings.TrimSpace(n.Exec(t, "ls", "/var/lib/cni/dhcp")); files != "" {
				t.Errorf("files left: %s", files)
			}
		})
	}
}

// A DHCPv6 lease outlives the daemon, is renewed, and its loss is noticed.
func TestIPv6Lease(t *testing.T) {
	t.Parallel()
	n, s, server, c, call := site6(t, "dhcp", "--enable-ra", stateful, "--dhcp-option=option6:58,2")
	daemon := dhcpnet.Daemon(t, n)
	result, call := allocate(t, n, call)
	_, v6 := ips(result)
	daemon.Stop(syscall.SIGKILL)
	daemon = dhcpnet.Daemon(t, n)
	daemon.Await(t, "DHCPv6 lease confirmed", 1, limit)
	n.Must(t, "CHECK", call)

	// The server forgets everything and has other addresses.
	daemon.Stop(syscall.SIGKILL)
	server.Stop(syscall.SIGKILL)
	s.Exec(t, "sh", "-ec", "ip addr del fd00:1:2::1/64 dev eth0; ip addr add fd00:7:7::1/64 dev eth0 nodad")
	s.Dnsmasq(t, s.Range(50, 60), "--dhcp-option=3,10.1.2.1", "--enable-ra", "--dhcp-range=fd00:7:7::1000,fd00:7:7::2000,64,2m")
	daemon = dhcpnet.Daemon(t, n)
	eventually(t, limit, func() string {
		got := c.Exec(t, "ip", "-6", "-o", "addr", "show", "dev", "eth0")
		if strings.Contains(got, v6[0].Addr().String()) || !strings.Contains(got, "fd00:7:7::") {
			return got + daemon.Output()
		}
		return ""
	})
	leases := dhcpnet.Leases(t, n)
	if len(leases) != 1 || len(leases[0].IPv6) != 1 || !strings.HasPrefix(leases[0].IPv6[0], "fd00:7:7::") {
		t.Errorf("leases %+v", leases)
	}
	n.Must(t, "DEL", call)
}

// Where nobody answers for IPv6, ADD fails in time, says so, and keeps nothing of
// IPv4.
func TestIPv6Silence(t *testing.T) {
	t.Parallel()
	for mode, text := range map[string]string{"dhcp": "no DHCPv6 server answered", "ra": "no router advertisement"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			n, s, _, _, call := site6(t, mode)
			dhcpnet.Daemon(t, n, "-resendtimeout", "3s")
			wantIn(t, fails(t, n, "ADD", call), "no more tries", text)
			if leases := dhcpnet.Leases(t, n); len(leases) > 0 {
				t.Errorf("leases %v", leases)
			}
			eventually(t, limit, func() string {
				if leases := s.LeaseFile(t); strings.Contains(leases, "10.1.2.") {
					return "the server has " + leases
				}
				return ""
			})
		})
	}
}

// The default route that a router advertises is the kernel's, which takes it back when the router
// goes, and has the metric that the configuration says, or is none.
func TestAdvertisedDefaultRoute(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		key, value, ipam string
		want             []string
	}{
		"default":               {want: []string{"proto ra", "metric 1024"}},
		"defaultRoute metric":   {key: "defaultRoute", value: `{"metric": 2000}`, want: []string{"proto ra", "metric 2000"}},
		"defaultRoute false":    {key: "defaultRoute", value: "false"},
		"priority":              {ipam: `, "priority": 300`, want: []string{"proto ra", "metric 300"}},
		"priority, and another": {key: "defaultRoute", value: `{"metric": 2000}`, ipam: `, "priority": 300`, want: []string{"proto ra", "metric 2000"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, _, _, c, call := site6(t, "ra", "--enable-ra", slaac)
			dhcpnet.Daemon(t, n)
			call.Config = strings.Replace(call.Config, `"dns": true`, `"dns": true`+test.ipam, 1)
			if test.key != "" {
				call = call.With(test.key, []byte(test.value))
			}
			_, call = allocate(t, n, call)
			routes := strings.TrimSpace(c.Exec(t, "ip", "-6", "route", "show", "default"))
			if lines := strings.Count(routes, "default"); lines != min(1, len(test.want)) {
				t.Errorf("%d default routes:\n%s", lines, routes)
			}
			for _, part := range test.want {
				if !strings.Contains(routes, part) {
					t.Errorf("%s lacks %s", routes, part)
				}
			}
			n.Must(t, "CHECK", call)
			n.Must(t, "DEL", call)
		})
	}
}

// It has, too, where the kernel had made the route before ADD.
func TestAdvertisedBeforeADD(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"false": "", `{"metric": 2000}`: "metric 2000"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			n, s, _, _, _ := site6(t, "ra", "--enable-ra", slaac)
			dhcpnet.Daemon(t, n)
			c := plugged(t, n, s, "plugged")
			c.Exec(t, "sh", "-ec", "sysctl -qw net.ipv6.conf.eth0.accept_ra=2; ip link set eth0 up")
			routes := func() string { return strings.TrimSpace(c.Exec(t, "ip", "-6", "route", "show", "default")) }
			eventually(t, limit, func() string {
				if got := routes(); !strings.Contains(got, "metric 1024") {
					return "routes are " + got
				}
				return ""
			})
			_, call := allocate(t, n, call(c, `, "ipv6": "ra"`).With("defaultRoute", []byte(value)))
			if got := routes(); (got == "") != (want == "") || !strings.Contains(got, want) || strings.Contains(got, "1024") {
				t.Errorf("routes are %s", got)
			}
			n.Must(t, "DEL", call)
		})
	}
}
