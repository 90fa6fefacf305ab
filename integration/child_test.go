package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// wire is a shell command that makes an interface called uplink and what is at
// the other end of its cable, called peer. Without IPv6 the kernel gives them
// nothing that would come some time later.
const wire = `ip link add uplink type veth peer name peer
	echo 1 >/proc/sys/net/ipv6/conf/uplink/disable_ipv6
	echo 1 >/proc/sys/net/ipv6/conf/peer/disable_ipv6
	ip -batch - <<-END
		link set uplink up
		link set peer up
	END
	`

// dualStack is the IPAM of the networks with a master.
const dualStack = `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00:1:2::/64"}]],
	"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}`

// childSubject is a plugin whose interface is on uplink, which is where the keys
// say.
func childSubject(plugin, variant, keys string) subject {
	s := subject{
		plugin:  plugin,
		variant: variant,
		config:  fmt.Sprintf(`{"name": "net", "type": %q, "master": "uplink", %s, %s}`, plugin, keys, dualStack),
		ifName:  "eth0",
		host:    wire,
		held:    "^host links: uplink ", // is promiscuous
	}
	if plugin != "macvlan" {
		s.needs = func(t *testing.T, n *node.Node) { needsDriver(t, n, plugin) }
		s.delegated = true // the kernel that has the driver is slow, and macvlan walks host-local
	}
	if strings.Contains(keys, `"linkInContainer": true`) {
		s.host, s.inside = "", wire
		s.unwalked = s.delegated
	}
	return s
}

// drivers remembers what hasDriver has found out.
var drivers sync.Map

// hasDriver reports whether the kernel has a kind of interface.
func hasDriver(t testing.TB, n *node.Node, kind string) bool {
	t.Helper()
	if has, known := drivers.Load(kind); known {
		return has.(bool)
	}
	out := n.Exec(t, "sh", "-c", "ip link add probe type "+kind+" 2>&1 || true")
	has := !strings.Contains(out, "Unknown device type")
	drivers.Store(kind, has)
	return has
}

// needsDriver skips the test where the kernel lacks a kind of interface.
func needsDriver(t testing.TB, n *node.Node, kind string) {
	t.Helper()
	if !hasDriver(t, n, kind) {
		t.Skip("kernel lacks " + kind)
	}
}

// childCall is a call for the network of the keys on uplink, in a container of
// the name.
func childCall(plugin string, c *node.Container, keys string) node.Call {
	return node.Call{
		Plugin:      plugin,
		Config:      fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": %q, "master": "uplink", %s}`, plugin, keys),
		ContainerID: filepath.Base(c.Path), Netns: c.Path, IfName: "eth0",
	}
}

// neighbour is at the other end of uplink's cable, with the addresses of the
// gateways on the interface dev, which the shell command makes.
func neighbour(t *testing.T, n *node.Node, dev, command string) *node.Container {
	t.Helper()
	n.Exec(t, "sh", "-ec", wire)
	c := n.Container(t, "neighbour")
	n.Exec(t, "ip", "link", "set", "peer", "netns", c.Path)
	c.Exec(t, "sh", "-ec", fmt.Sprintf(`ip link set peer up; %s
		sysctl -qw net/ipv6/conf/%[2]s/disable_ipv6=0
		ip link set %[2]s up; ip addr add 10.1.2.1/24 dev %[2]s; ip addr add fd00:1:2::1/64 dev %[2]s nodad
		sysctl -qw net/ipv4/conf/%[2]s/arp_accept=1 net/ipv6/conf/%[2]s/forwarding=1 net/ipv6/conf/%[2]s/accept_untracked_na=1`, command, dev))
	return c
}

// bridgedVLANs makes one network of two VLANs.
const bridgedVLANs = `ip link add lan type bridge
	for id in 100 200; do
		ip link add link peer name peer.$id type vlan id $id
		ip link set peer.$id master lan up
	done`

// Containers on one master reach each other and a neighbour on the wire with the
// first packet, in both families, and the neighbour has heard of them before.
func TestChildTraffic(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, plugin, one, other, dev, command string }{
		{"macvlan", "macvlan", `"mode": "bridge"`, `"mode": "bridge"`, "peer", "true"},
		{"ipvlan", "ipvlan", `"mode": "l2"`, `"mode": "l2"`, "peer", "true"},
		{"vlan", "vlan", `"vlanId": 100`, `"vlanId": 200, "mac": "02:00:00:00:00:0c"`, "lan", bridgedVLANs},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			needsDriver(t, n, test.plugin)
			outside := neighbour(t, n, test.dev, test.command)
			one, other := n.Container(t, "one"), n.Container(t, "other")
			first := add(t, n, childCall(test.plugin, one, test.one+", "+dualStack))
			neighbours := outside.Exec(t, "ip", "neigh")
			for _, address := range addresses(first) {
				if !hasLine(neighbours, "^"+address+" .*"+first.Interfaces[0].Mac) {
					t.Errorf("%s is not among the neighbours:\n%s", address, neighbours)
				}
			}
			for _, address := range gateways(first) {
				if !reaches(t, one, address) {
					t.Errorf("the neighbour %s does not answer the first packet", address)
				}
			}
			add(t, n, childCall(test.plugin, other, test.other+", "+dualStack))
			for _, address := range addresses(first) {
				if !reaches(t, other, address) {
					t.Errorf("%s does not answer the first packet", address)
				}
			}
		})
	}
}
