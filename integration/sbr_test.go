package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// twoUplinks are commands of ip that make two interfaces, each with its other end
// beside it. Without link-local addresses nothing comes some time later.
const twoUplinks = `link add eth0 type veth peer name up0
link add net1 type veth peer name up1
link set eth0 addrgenmode none
link set eth0 up
link set net1 addrgenmode none
link set net1 up
link set up0 addrgenmode none
link set up0 up
link set up1 addrgenmode none
link set up1 up
addr add 10.0.0.2/24 dev eth0
addr add 192.168.1.209/24 dev net1
addr add fd00:1::209/64 dev net1 nodad
route add default via 10.0.0.1
route add 198.51.100.0/24 via 192.168.1.2
`

const sbrIPs = `{"address": "192.168.1.209/24", "gateway": "192.168.1.1", "interface": 0},
	{"address": "fd00:1::209/64", "gateway": "fd00:1::1", "interface": 0}`

// sbrSubject is sbr for the second interface of a container.
func sbrSubject(variant, keys string) subject {
	return subject{
		plugin: "sbr",
		config: fmt.Sprintf(`{"name": "net", "type": "sbr", %s}`, keys),
		ifName: "net1",
		exact:  true,
		prevResult: `{"cniVersion": "1.1.0", "interfaces": [{"name": "net1", "sandbox": "/run/netns/c"}],
			"ips": [` + sbrIPs + `], "routes": [{"dst": "198.51.100.0/24", "gw": "192.168.1.2"}]}`,
		variant: variant,
		inside:  ipCommands(twoUplinks),
	}
}

// sbrCall is a call for net1 of a container, with the keys, each followed by a
// comma, and the addresses.
func sbrCall(c *node.Container, keys, ips string) node.Call {
	return node.Call{
		Plugin: "sbr",
		Config: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": "sbr", %s
			"prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": "net1", "sandbox": %q}, {"name": "eth0", "sandbox": %q}], "ips": [%s]}}`,
			keys, c.Path, c.Path, ips),
		ContainerID: "c", Netns: c.Path, IfName: "net1",
	}
}

// ipCommands is the shell command that runs commands of ip(8), a line each.
func ipCommands(lines string) string { return "ip -batch - <<END\n" + lines + "\nEND" }

// withNetwork makes a node and a container with what commands of ip make.
func withNetwork(t *testing.T, commands string) (*node.Node, *node.Container) {
	t.Helper()
	n := node.New(t)
	return n, subject{inside: ipCommands(commands)}.container(t, n, "c")
}

// routing lists the rules of a container that are not the kernel's, and its routes
// but for those that the kernel makes for every address and link.
func routing(t *testing.T, c *node.Container) string {
	t.Helper()
	list := c.Exec(t, "sh", "-ec", `for family in -4 -6; do ip $family rule; ip $family route show table all; done`)
	kernels := regexp.MustCompile(`lookup (local|main|default|\[l3mdev-table\])|^local |^broadcast |^multicast `)
	var lines []string
	for line := range strings.Lines(list) {
		if !kernels.MatchString(line) {
			line = regexp.MustCompile(`^\d+:\t| pref medium`).ReplaceAllString(line, "")
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}

// Rules and tables are upstream's where upstream has a way.
func TestSBRGolden(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, more, keys, ips, want string }{
		{
			name: "both families", ips: sbrIPs,
			want: `from 192.168.1.209 lookup 100 proto 67
default via 192.168.1.1 dev net1 table 100
192.168.1.0/24 dev net1 table 100 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1 table 100
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
from fd00:1::209 lookup 101 proto 67
fd00:1::/64 dev net1 table 100 proto kernel metric 256
fd00:1::/64 dev net1 table 101 proto kernel metric 256
default via fd00:1::1 dev net1 table 101 metric 1024`,
		},
		{
			name: "default route of the interface", more: "route del default\nroute add default via 192.168.1.1 proto static",
			ips: `{"address": "192.168.1.209/24", "gateway": "192.168.1.1"}`,
			want: `from 192.168.1.209 lookup 100 proto 67
default via 192.168.1.1 dev net1 table 100 proto static
192.168.1.0/24 dev net1 table 100 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1 table 100
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
fd00:1::/64 dev net1 table 100 proto kernel metric 256`,
		},
		{
			name: "second address", more: "addr add 192.168.101.209/24 dev net1",
			ips: `{"address": "192.168.1.209/24", "gateway": "192.168.1.1", "interface": 0},
				{"address": "192.168.101.209/24", "gateway": "192.168.101.1", "interface": 7}, {"address": "10.0.0.2/24", "interface": 1}`,
			want: `from 192.168.101.209 lookup 101 proto 67
from 192.168.1.209 lookup 100 proto 67
default via 192.168.1.1 dev net1 table 100
192.168.1.0/24 dev net1 table 100 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1 table 100
default via 192.168.101.1 dev net1 table 101
192.168.101.0/24 dev net1 table 101 proto kernel scope link src 192.168.101.209
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
fd00:1::/64 dev net1 table 100 proto kernel metric 256
fd00:1::/64 dev net1 table 101 proto kernel metric 256`,
		},
		{
			name: "tables in use", ips: `{"address": "192.168.1.209/24", "gateway": "192.168.1.1"}`,
			more: "rule add from 10.9.9.9 table 100\nroute add 10.9.9.0/24 dev eth0 table 101\nroute add fd00:9::/64 dev eth0 table 102",
			want: `from 192.168.1.209 lookup 103 proto 67
from 10.9.9.9 lookup 100
10.9.9.0/24 dev eth0 table 101 scope link
default via 192.168.1.1 dev net1 table 103
192.168.1.0/24 dev net1 table 103 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1 table 103
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
fd00:9::/64 dev eth0 table 102 metric 1024
fd00:1::/64 dev net1 table 103 proto kernel metric 256`,
		},
		{
			name: "table", keys: `"table": 5000,`, ips: sbrIPs,
			want: `from 192.168.1.209 lookup 5000 proto 67
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
192.168.1.0/24 dev net1 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1
from fd00:1::209 lookup 5000 proto 67
fd00:1::/64 dev net1 proto kernel metric 256`,
		},
		{
			name: "table with gateways", ips: sbrIPs,
			more: "route add 10.9.9.0/24 dev eth0 table 5000\nroute add unreachable default metric 4278198272 table 5000",
			keys: `"table": 5000, "gateways": ["192.168.1.254"], "subnetGateways": {"fd00:1::/64": "fe80::1"},`,
			want: `from 192.168.1.209 lookup 5000 proto 67
default via 192.168.1.254 dev net1 table 5000
10.9.9.0/24 dev eth0 table 5000 scope link
unreachable default table 5000 metric 4278198272
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
192.168.1.0/24 dev net1 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1
from fd00:1::209 lookup 5000 proto 67
default via fe80::1 dev net1 table 5000 metric 1024
fd00:1::/64 dev net1 proto kernel metric 256`,
		},
		{
			name: "table with a gateway on the link", ips: `{"address": "192.168.1.209/24"}, {"address": "192.168.2.209/24"}`,
			more: "addr add 192.168.2.209/24 dev net1",
			keys: `"table": 5000, "gateways": ["172.16.0.1"],`,
			want: `from 192.168.1.209 lookup 5000 proto 67
from 192.168.2.209 lookup 5000 proto 67
default via 172.16.0.1 dev net1 table 5000 onlink
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
192.168.1.0/24 dev net1 proto kernel scope link src 192.168.1.209
192.168.2.0/24 dev net1 proto kernel scope link src 192.168.2.209
198.51.100.0/24 via 192.168.1.2 dev net1
fd00:1::/64 dev net1 proto kernel metric 256`,
		},
		{
			name: "last table", keys: `"table": 4294967295,`, ips: `{"address": "192.168.1.209/24"}`,
			want: `from 192.168.1.209 lookup 4294967295 proto 67
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
192.168.1.0/24 dev net1 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1
fd00:1::/64 dev net1 proto kernel metric 256`,
		},
		{
			name: "gateways", keys: `"gateways": ["192.168.1.254", "fd00:1::254"],`, ips: sbrIPs,
			more: "route add default via 192.168.1.7 metric 5",
			want: `from 192.168.1.209 lookup 100 proto 67
default via 192.168.1.254 dev net1 table 100
192.168.1.0/24 dev net1 table 100 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1 table 100
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
from fd00:1::209 lookup 101 proto 67
fd00:1::/64 dev net1 table 100 proto kernel metric 256
fd00:1::/64 dev net1 table 101 proto kernel metric 256
default via fd00:1::254 dev net1 table 101 metric 1024`,
		},
		{
			name: "gateway of each subnet", more: "addr add 192.168.101.209/24 dev net1",
			keys: `"gateways": ["192.168.1.254"], "subnetGateways": {"192.168.0.0/16": "192.168.1.253", "192.168.101.0/24": "172.16.0.1"},`,
			ips:  `{"address": "192.168.1.209/24"}, {"address": "192.168.101.209/24", "gateway": "192.168.101.1"}`,
			want: `from 192.168.101.209 lookup 101 proto 67
from 192.168.1.209 lookup 100 proto 67
default via 192.168.1.253 dev net1 table 100
192.168.1.0/24 dev net1 table 100 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1 table 100
default via 172.16.0.1 dev net1 table 101 onlink
192.168.101.0/24 dev net1 table 101 proto kernel scope link src 192.168.101.209
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
fd00:1::/64 dev net1 table 100 proto kernel metric 256
fd00:1::/64 dev net1 table 101 proto kernel metric 256`,
		},
		{
			name: "gateways of routes", ips: `{"address": "192.168.1.209/24"}, {"address": "fd00:1::209/64"}`,
			more: "route add default via 169.254.1.1 dev net1 onlink metric 9\nroute add default via fe80::1 dev net1",
			want: `from 192.168.1.209 lookup 100 proto 67
default via 169.254.1.1 dev net1 table 100 metric 9 onlink
192.168.1.0/24 dev net1 table 100 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1 table 100
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
from fd00:1::209 lookup 101 proto 67
fd00:1::/64 dev net1 table 100 proto kernel metric 256
fd00:1::/64 dev net1 table 101 proto kernel metric 256
default via fe80::1 dev net1 table 101 metric 1024`,
		},
		{
			name: "source hints", keys: `"addSourceHints": true,`, ips: sbrIPs,
			want: `from 192.168.1.209 lookup 100 proto 67
default via 192.168.1.1 dev net1 table 100
192.168.1.0/24 dev net1 table 100 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1 table 100
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
192.168.1.0/24 dev net1 proto kernel scope link src 192.168.1.209
from fd00:1::209 lookup 101 proto 67
fd00:1::/64 dev net1 table 100 proto kernel metric 256
fd00:1::/64 dev net1 table 101 proto kernel metric 256
default via fd00:1::1 dev net1 table 101 metric 1024
fd00:1::/64 dev net1 src fd00:1::209 metric 1024`,
		},
		{
			name: "several next hops", ips: `{"address": "192.168.1.209/24"}, {"address": "fd00:1::209/64"}`,
			more: `addr add fd00:0::2/64 dev eth0 nodad
route replace default nexthop via 10.0.0.1 dev eth0 nexthop via 192.168.1.1 dev net1 nexthop via 192.168.1.3 dev net1 weight 2
route add ::/0 nexthop via fd00:0::1 dev eth0 nexthop via fd00:1::1 dev net1 nexthop via fd00:1::3 dev net1`,
			want: `from 192.168.1.209 lookup 100 proto 67
default table 100
nexthop via 192.168.1.1 dev net1 weight 1
nexthop via 192.168.1.3 dev net1 weight 2
192.168.1.0/24 dev net1 table 100 proto kernel scope link src 192.168.1.209
198.51.100.0/24 via 192.168.1.2 dev net1 table 100
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.2
from fd00:1::209 lookup 101 proto 67
fd00:1::/64 dev net1 table 100 proto kernel metric 256
fd00:1::/64 dev net1 table 101 proto kernel metric 256
fd00::/64 dev eth0 proto kernel metric 256
default via fd00::1 dev eth0 metric 1024
default table 101 metric 1024
nexthop via fd00:1::1 dev net1 weight 1
nexthop via fd00:1::3 dev net1 weight 1`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n, c := withNetwork(t, twoUplinks+test.more)
			before, was := n.State(t, c), routing(t, c)
			call := sbrCall(c, test.keys, test.ips)
			for _, when := range []string{"after ADD", "after a second ADD"} {
				n.Must(t, "ADD", call)
				if diff := cmp.Diff(sorted(test.want), sorted(routing(t, c))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", when, diff)
				}
			}
			n.Must(t, "CHECK", call)
			for range 2 {
				n.Must(t, "DEL", call.With("prevResult", nil))
				if diff := cmp.Diff(sorted(was), sorted(routing(t, c))); diff != "" {
					t.Errorf("after DEL (-want +got):\n%s", diff)
				}
			}
			expectRestored(t, n, before, "after DEL", c)
		})
	}
}

// sorted puts lines in an order: that of routes depends on when they were made.
func sorted(lines string) []string {
	list := strings.Split(lines, "\n")
	slices.Sort(list)
	return list
}

// What a host answers leaves through the interface at whose address it was asked,
// and not through the other one with the default route.
func TestSBRReply(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c, lost := n.Container(t, "c"), n.Container(t, "lost")
	n.Exec(t, "sh", "-ec", `
		ip link add up1 type veth peer name net1 netns c
		ip -n lost link add up0 type veth peer name eth0 netns c
		ip addr add 203.0.113.9/32 dev lo
		ip addr add 2001:db8:9::9/128 dev lo nodad
		ip addr add 192.168.1.1/24 dev up1
		ip addr add fd00:1::1/64 dev up1 nodad
		ip link set up1 up
		ip -n lost addr add 10.0.0.1/24 dev up0
		ip -n lost addr add fd00::1/64 dev up0 nodad
		ip -n lost link set up0 up`)
	c.Exec(t, "sh", "-ec", ipCommands(`link set eth0 up
link set net1 up
addr add 10.0.0.2/24 dev eth0
addr add fd00::2/64 dev eth0 nodad
addr add 192.168.1.209/24 dev net1
addr add fd00:1::209/64 dev net1 nodad
route add default via 10.0.0.1
route add ::/0 via fd00::1`))
	settle(t, n, c)
	ask := func() (answers []string) {
		for from, to := range map[string]string{"203.0.113.9": "192.168.1.209", "2001:db8:9::9": "fd00:1::209"} {
			answered := n.Exec(t, "sh", "-c", `ping -c1 -W1 -I "$0" "$1" >/dev/null; echo $?`, from, to) == "0\n"
			answers = append(answers, fmt.Sprint(answered))
		}
		return answers
	}
	call := sbrCall(c, "", sbrIPs)
	shared := sbrCall(c, `"table": 5000, "gateways": ["192.168.1.1", "fd00:1::1"],`, sbrIPs)
	for _, step := range []struct {
		verb string
		call node.Call
		want string
	}{{"", call, "false"}, {"ADD", call, "true"}, {"DEL", call, "false"}, {"ADD", shared, "true"}, {"DEL", shared, "false"}} {
		if step.verb != "" {
			n.Must(t, step.verb, step.call)
		}
		if got := ask(); !slices.Equal(got, []string{step.want, step.want}) {
			t.Errorf("after %q: answered %v, want %v", step.verb, got, step.want)
		}
	}
	// The other interface serves as before.
	n.Must(t, "ADD", call)
	c.Exec(t, "ping", "-c1", "-W5", "10.0.0.1")
	lost.Exec(t, "ping", "-c1", "-W5", "fd00::2")
}

// ADDs for several interfaces of a namespace at once choose tables of their own.
func TestSBRAtOnce(t *testing.T) {
	t.Parallel()
	const count = 20
	var network strings.Builder
	for i := range count {
		fmt.Fprintf(&network, "link add net%d type veth peer name up%d\n", i, i)
		fmt.Fprintf(&network, "link set net%[1]d addrgenmode none\nlink set up%[1]d addrgenmode none\nlink set net%[1]d up\nlink set up%[1]d up\naddr add 10.1.%[1]d.2/24 dev net%[1]d\n", i)
	}
	n, c := withNetwork(t, network.String())
	before := n.State(t, c)
	var calls []node.Call
	for i := range count {
		call := sbrCall(c, "", fmt.Sprintf(`{"address": "10.1.%d.2/24", "gateway": "10.1.%d.1"}`, i, i))
		call.IfName = fmt.Sprint("net", i)
		calls = append(calls, call)
	}
	atOnce(t, n, "ADD", calls)
	tables := make(map[string]bool)
	for line := range strings.Lines(routing(t, c)) {
		if _, table, isRule := strings.Cut(line, "lookup "); isRule {
			tables[table] = true
		}
	}
	if len(tables) != count {
		t.Errorf("%d tables, want %d:\n%s", len(tables), count, routing(t, c))
	}
	atOnce(t, n, "CHECK", calls)
	atOnce(t, n, "DEL", calls)
	expectRestored(t, n, before, "after DEL", c)
}

// CHECK misses whatever is taken away or put back.
func TestSBRCheck(t *testing.T) {
	t.Parallel()
	for damage, want := range map[string]string{
		"rule del from 192.168.1.209 table 100": "rule from 192.168.1.209/32 table 100 is missing; no rule for address 192.168.1.209 of interface net1",
		"route del default table 100":           "route default via 192.168.1.1 table 100 is missing",
		"route flush table 101":                 "route fd00:1::/64 table 101 metric 256 is missing; route default via fd00:1::1 table 101 is missing",
		"route add 192.168.1.0/24 dev net1 proto kernel scope link src 192.168.1.209": "route 192.168.1.0/24 table 254 is there still",
		"route replace default via 192.168.1.9 dev net1 table 100":                    "route default via 192.168.1.1 table 100 is missing",
		"link del net1": "Cannot find network interface net1: Link not found",
	} {
		t.Run(damage, func(t *testing.T) {
			t.Parallel()
			n, c := withNetwork(t, twoUplinks)
			before := n.State(t, c)
			call := sbrCall(c, "", sbrIPs)
			n.Must(t, "ADD", call)
			c.Exec(t, "sh", "-ec", "ip $0 || ip -6 $0", damage)
			damaged := n.State(t, c)
			if err := n.Run(t, "CHECK", call).Err(); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if diff := hoststate.Diff(damaged, n.State(t, c)); diff != "" {
				t.Errorf("CHECK changed something:\n%s", diff)
			}
			n.Must(t, "DEL", call)
			if strings.HasPrefix(damage, "link") {
				if rules := routing(t, c); strings.Contains(rules, "lookup") {
					t.Errorf("rules after DEL:\n%s", rules)
				}
			} else if diff := hoststate.Diff(before, n.State(t, c), node.Lasting()); diff != "" {
				t.Errorf("after DEL:\n%s", diff)
			}
		})
	}
}

func TestSBRErrors(t *testing.T) {
	t.Parallel()
	n, c := withNetwork(t, twoUplinks)
	before := n.State(t, c)
	missing := sbrCall(c, "", sbrIPs)
	missing.IfName = "net2"
	for want, call := range map[string]node.Call{
		"This plugin must be called as chained plugin":                                sbrCall(c, "", "").With("prevResult", nil),
		"No IP addresses supplied on interface: net1":                                 sbrCall(c, "", `{"address": "10.0.0.2/24", "interface": 1}`),
		"Cannot find network interface net2: Link not found":                          missing.With("prevResult", []byte(`{"cniVersion": "1.1.0", "ips": [{"address": "10.0.0.2/24"}]}`)),
		"invalid static gateway IP address: zz":                                       sbrCall(c, `"gateways": ["zz"],`, sbrIPs),
		"gateways list contains multiple IPv4 addresses: 192.168.1.1 and 192.168.1.2": sbrCall(c, `"gateways": ["192.168.1.1", "192.168.1.2"],`, sbrIPs),
		"table 254 has a default route already, and cannot have one via 192.168.1.1":  sbrCall(c, `"table": 254, "gateways": ["192.168.1.1"],`, sbrIPs),
		"table 5000 cannot have default routes via 192.168.1.1 and 192.168.1.2": sbrCall(c, `"table": 5000, "gateways": ["192.168.1.1"], "subnetGateways": {"192.168.2.0/24": "192.168.1.2"},`,
			`{"address": "192.168.1.209/24"}, {"address": "192.168.2.209/24"}`),
		"add route default via fd00:1::209 table 100: invalid argument": sbrCall(c, `"subnetGateways": {"fd00:1::/64": "fd00:1::209"},`, `{"address": "fd00:1::209/64"}`),
	} {
		if err := n.Run(t, "ADD", call).Err(); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		n.Must(t, "DEL", call)
		expectRestored(t, n, before, want, c)
	}
}

// A record of an earlier container does nothing to a later one's network.
func TestSBRForgotten(t *testing.T) {
	t.Parallel()
	n, c := withNetwork(t, twoUplinks)
	n.Must(t, "ADD", sbrCall(c, "", sbrIPs))
	c.Remove(t)
	c = subject{inside: ipCommands(twoUplinks + "route del 198.51.100.0/24")}.container(t, n, "c")
	before := n.State(t, c)
	for _, verbs := range [][]string{{"DEL"}, {"ADD", "DEL"}} {
		for _, verb := range verbs {
			n.Must(t, verb, sbrCall(c, "", sbrIPs))
		}
		if diff := hoststate.Diff(before, n.State(t, c), node.Lasting(), regexp.MustCompile(`/run/cni/routing/sbr-`)); diff != "" {
			t.Errorf("after %v:\n%s", verbs, diff)
		}
	}
}

// The DEL of a container leaves another one alone that has the path of its namespace by then.
func TestSBRPathTaken(t *testing.T) {
	t.Parallel()
	n, c := withNetwork(t, twoUplinks)
	n.Must(t, "ADD", sbrCall(c, "", sbrIPs))
	c.Remove(t)
	c = subject{inside: ipCommands(twoUplinks)}.container(t, n, "c")
	other := sbrCall(c, "", sbrIPs)
	other.ContainerID = "d"
	n.Must(t, "ADD", other)
	before := routing(t, c)
	n.Must(t, "DEL", sbrCall(c, "", sbrIPs))
	if diff := cmp.Diff(before, routing(t, c)); diff != "" {
		t.Errorf("after the DEL of another one:\n%s", diff)
	}
	n.Must(t, "CHECK", other)
}

// A record that cannot be read keeps no DEL from its end once the namespace is gone.
func TestSBRUnreadableRecord(t *testing.T) {
	t.Parallel()
	n, c := withNetwork(t, twoUplinks)
	n.Must(t, "ADD", sbrCall(c, "", sbrIPs))
	const replace = `for f in /run/cni/*/sbr-*.json; do [ -f "$f" ]; rm "$f"; mkfifo "$f"; done`
	n.Exec(t, "sh", "-ec", replace)
	if err := n.Run(t, "DEL", sbrCall(c, "", sbrIPs)).Err(); err == nil {
		t.Error("DEL of a living container succeeds, of which nothing is known")
	}
	c.Remove(t)
	n.Must(t, "DEL", sbrCall(c, "", sbrIPs))
	if left := n.Exec(t, "sh", "-c", "ls /run/cni/*/sbr-*.json || true"); left != "" {
		t.Errorf("after DEL: %s", left)
	}
}

// What either plugin's ADD made, the other one's DEL removes, and ours checks.
func TestSBRDebian(t *testing.T) {
	t.Parallel()
	for _, keys := range []string{"", `"addSourceHints": true,`} {
		t.Run(keys, func(t *testing.T) {
			t.Parallel()
			n, c := withNetwork(t, twoUplinks)
			before, was := n.State(t, c), routing(t, c)
			ours, theirs := upstreams(t, sbrCall(c, keys, sbrIPs))
			n.Must(t, "ADD", ours)
			made := routing(t, c)
			n.Must(t, "DEL", theirs)
			if left := routing(t, c); strings.Contains(left, "lookup") {
				t.Errorf("after upstream's DEL:\n%s", left)
			}
			n.Must(t, "DEL", ours)
			expectRestored(t, n, before, "after upstream's DEL and ours", c)

			n.Must(t, "ADD", theirs)
			if keys != `"addSourceHints": true,` { // with which ours leaves the kernel's own route
				if diff := cmp.Diff(sorted(strings.ReplaceAll(made, " proto 67", "")), sorted(routing(t, c))); diff != "" {
					t.Errorf("ours and upstream's (-ours +upstream's):\n%s", diff)
				}
			}
			n.Must(t, "CHECK", ours)
			for range 2 {
				n.Must(t, "DEL", ours)
				left := routing(t, c)
				if strings.Contains(left, "lookup") || strings.Contains(left, "table 1") {
					t.Errorf("after our DEL of upstream's:\n%s", left)
				}
				for _, route := range sorted(was) {
					if !strings.Contains(left, strings.Split(route, " dev")[0]) {
						t.Errorf("lacks %s after our DEL of upstream's:\n%s", route, left)
					}
				}
			}
		})
	}
}

// After sbr has moved the routes that ptp made, ptp's CHECK finds them, and still
// misses them when they are gone.
func TestSBRInChain(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := n.Container(t, "c")
	before := n.State(t, c)
	first := subjects[0].call(latest, c.Path)
	first = first.With("prevResult", n.Must(t, "ADD", first))
	second := first.With("gateways", []byte(`["10.1.2.9"]`))
	second.Plugin = "sbr"
	n.Must(t, "ADD", second)
	n.Must(t, "CHECK", first)
	n.Must(t, "CHECK", second)
	c.Exec(t, "ip", "route", "del", "default", "table", "100")
	if err := n.Run(t, "CHECK", first).Err(); err == nil || err.Error() != "interface eth0 lacks route default via 10.1.2.1" {
		t.Errorf("without the default route: %v", err)
	}
	n.Must(t, "DEL", second)
	n.Must(t, "CHECK", first)
	n.Must(t, "DEL", first)
	expectRestored(t, n, before, "after DEL", c)
}
