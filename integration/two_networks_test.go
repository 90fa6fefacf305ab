package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// twoNetworks is a plugin that connects one container to two networks, 1 and 2, both
// of which lead everywhere. In its texts {n} stands for the network.
type twoNetworks struct {
	plugin, keys string
	// host is a shell command that makes the network's gateway, if the plugin does not.
	host string
	// alone means that nobody is at the other end of the interface.
	alone bool
}

// cable has uplink{n} at one end, and gw{n} at the other, which may be the gateway.
const (
	cable = `ip link add uplink{n} type veth peer name gw{n}
		ip link set uplink{n} up; ip link set gw{n} up
		`
	vlanEnd = `ip link set gw{n} down; ip link set gw{n} name trunk{n} up
		ip link add gw{n} link trunk{n} type vlan id 5; ip link set gw{n} up
		`
	farEnd = `ip addr add 10.89.{n}.1/24 dev gw{n}; ip addr add fd00:89:{n}::1/64 dev gw{n} nodad`
)

var twoNetworksOf = []twoNetworks{
	{plugin: "bridge", keys: `"bridge": "br{n}", "isGateway": true`},
	{plugin: "ptp", keys: `"mtu": 1500`},
	{plugin: "macvlan", keys: `"master": "uplink{n}"`, host: cable + farEnd},
	{plugin: "ipvlan", keys: `"master": "uplink{n}"`, host: cable + farEnd},
	{plugin: "vlan", keys: `"master": "uplink{n}", "vlanId": 5`, host: cable + vlanEnd + farEnd},
	{plugin: "host-device", keys: `"device": "uplink{n}"`, host: cable + farEnd},
	{plugin: "tap", keys: `"multiQueue": false`, alone: true},
	{plugin: "dummy", keys: `"mtu": 1500`, alone: true},
}

const leadsEverywhere = `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.89.{n}.0/24"}], [{"subnet": "fd00:89:{n}::/64"}]],
	"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "203.0.113.0/24"}]}`

// call is about network i, whose interface is net{n}.
func (p twoNetworks) call(c *node.Container, i int) node.Call {
	config := `{"cniVersion": "1.0.0", "name": "network{n}", "type": "` + p.plugin + `", ` + p.keys + `, ` + leadsEverywhere + `}`
	return node.Call{
		Plugin: p.plugin, Config: numbered(config, i),
		ContainerID: filepath.Base(c.Path), Netns: c.Path, IfName: numbered("net{n}", i),
	}
}

func numbered(text string, i int) string { return strings.ReplaceAll(text, "{n}", fmt.Sprint(i)) }

// start makes a node with both gateways and a server behind them.
func (p twoNetworks) start(t *testing.T) (*node.Node, *node.Container) {
	t.Helper()
	n := node.New(t)
	switch p.plugin {
	case "ipvlan", "vlan", "dummy":
		needsDriver(t, n, p.plugin)
	}
	n.Exec(t, "sh", "-ec", numbered(p.host, 1)+"\n"+numbered(p.host, 2)+"\n"+
		`ip addr add 198.51.100.1 dev lo; ip addr add 2001:db8::1 dev lo nodad`)
	for network, address := range far {
		place{n.Do}.serve(t, "far", network, address)
	}
	return n, n.Container(t, "c")
}

// far is a server that only a default route leads to.
var far = map[string]string{"tcp4": "198.51.100.1:80", "tcp6": "[2001:db8::1]:80"}

// askFar returns by which address of the container it got an answer from far.
func askFar(c *node.Container, network string) string {
	answer, _ := place{c.Do}.ask(network, far[network], patience)
	return strings.TrimPrefix(answer, "far ")
}

// wantWay fails unless the container reaches far through a network, of IPv4 through
// the first of those that are named, of IPv6 through any.
func (p twoNetworks) wantWay(t *testing.T, c *node.Container, networks ...int) {
	t.Helper()
	if p.alone {
		return
	}
	if got, want := askFar(c, "tcp4"), numbered("10.89.{n}.2", networks[0]); got != want {
		t.Errorf("IPv4 goes out by %q, want %s", got, want)
	}
	got := askFar(c, "tcp6")
	for _, i := range networks {
		if got == numbered("fd00:89:{n}::2", i) {
			return
		}
	}
	t.Errorf("IPv6 goes out by %q, want network %v", got, networks)
}

// routes are what `ip route` shows, but for link-local ones.
func routes(t *testing.T, c *node.Container) string {
	t.Helper()
	return c.Exec(t, "sh", "-ec", "ip route show; ip -6 route show | sed /^fe80:/d")
}

// The routes of a second network stand beside those of the first: packets of IPv4 take
// the newest, and those of IPv6 all. Each network goes without the other.
func TestTwoNetworks(t *testing.T) {
	t.Parallel()
	for _, p := range twoNetworksOf {
		for _, order := range [][2]int{{1, 2}, {2, 1}} {
			t.Run(fmt.Sprintf("%s/DEL of %d first", p.plugin, order[0]), func(t *testing.T) {
				t.Parallel()
				n, c := p.start(t)
				calls := map[int]node.Call{}
				var before string
				for _, i := range []int{1, 2} {
					call := p.call(c, i)
					result := n.Must(t, "ADD", call)
					calls[i] = call.With("prevResult", result)
					if i == 1 {
						p.wantWay(t, c, 1)
						before = routes(t, c)
					}
				}
				p.wantWay(t, c, 2, 1)
				n.Must(t, "CHECK", calls[1])
				n.Must(t, "CHECK", calls[2])

				n.Must(t, "DEL", calls[order[0]])
				p.wantWay(t, c, order[1])
				n.Must(t, "CHECK", calls[order[1]])
				if diff := cmp.Diff(before, routes(t, c)); order[1] == 1 && diff != "" {
					t.Errorf("routes of network 1 before network 2 came, and after it went:\n%s", diff)
				}
				n.Must(t, "DEL", calls[order[1]])
				if left := routes(t, c); left != "" {
					t.Errorf("routes after both DELs:\n%s", left)
				}
			})
		}
	}
}

// Upstream's plugins leave the same routes, before and after each DEL.
func TestTwoNetworksAsUpstream(t *testing.T) {
	t.Parallel()
	for _, p := range twoNetworksOf {
		if _, err := os.Stat(filepath.Join(debian, p.plugin)); err != nil {
			continue
		}
		t.Run(p.plugin, func(t *testing.T) {
			t.Parallel()
			seen := func(pick func(ours, theirs node.Call) node.Call) (all []string) {
				n, c := p.start(t)
				for _, i := range []int{1, 2} {
					n.Must(t, "ADD", pick(upstreams(t, p.call(c, i))))
				}
				all = append(all, routes(t, c))
				n.Must(t, "DEL", pick(upstreams(t, p.call(c, 1))))
				return append(all, routes(t, c))
			}
			theirs := seen(func(_, theirs node.Call) node.Call { return theirs })
			ours := seen(func(ours, _ node.Call) node.Call { return ours })
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("routes (-upstream's +ours):\n%s", diff)
			}
		})
	}
}

// So it is with leases of two DHCP servers, each of which is the gateway.
func TestTwoNetworksByDHCP(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	dhcp := dhcpSubject("", "")
	dhcp.services(t, n)
	c := n.Container(t, "c")
	one := dhcp.call(latest, c.Path)
	other := one.With("name", []byte(`"other"`)).With("bridge", []byte(`"br1"`))
	other.IfName = "eth1"
	wantGateways := func(want ...string) {
		t.Helper()
		var got []string
		for _, line := range strings.Split(routes(t, c), "\n") {
			if words := strings.Fields(line); len(words) > 2 && words[0] == "default" && words[1] == "via" && strings.Contains(words[2], ".") {
				got = append(got, words[2])
			}
		}
		if !cmp.Equal(got, want) {
			t.Errorf("gateways %q, want %q", got, want)
		}
	}
	one = one.With("prevResult", n.Must(t, "ADD", one))
	other = other.With("prevResult", n.Must(t, "ADD", other))
	wantGateways("10.1.3.1", "10.1.2.1")
	n.Must(t, "CHECK", one)
	n.Must(t, "CHECK", other)
	n.Must(t, "DEL", one)
	wantGateways("10.1.3.1")
	n.Must(t, "CHECK", other)
	n.Must(t, "DEL", other)
	wantGateways()
}
