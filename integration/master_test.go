package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

const bare = `"numTxQueues": 0`

// A master that is not named is that of the default route.
func TestMasterByDefaultRoute(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", wire+`
		ip link add other type veth peer name others; ip link set other up; ip link set others up
		ip addr add 192.0.2.2/24 dev uplink; ip route add default via 192.0.2.1 metric 100
		ip addr add 198.51.100.2/24 dev other; ip route add default via 198.51.100.1 metric 200`)
	c := n.Container(t, "c")
	call := childCall("macvlan", c, bare).With("master", nil)
	result := n.Must(t, "ADD", call)
	if parent := c.Exec(t, "sh", "-c", "ip -o link show eth0 | sed 's/.*eth0@if//; s/:.*//'"); parent != n.Exec(t, "sh", "-c", "cat /sys/class/net/uplink/ifindex") {
		t.Errorf("is on interface %s", parent)
	}
	n.Must(t, "STATUS", call)
	n.Exec(t, "ip", "route", "del", "default", "metric", "100")
	n.Exec(t, "ip", "route", "del", "default", "metric", "200")
	n.Must(t, "CHECK", call.With("prevResult", result))
	if err := n.Run(t, "STATUS", call).Err(); err == nil || err.Error() != "macvlan: no default route interface found" {
		t.Errorf("STATUS: got %v", err)
	}
	n.Must(t, "DEL", call)
	if err := n.Run(t, "ADD", call).Err(); err == nil || err.Error() != "no default route interface found" {
		t.Errorf("ADD: got %v", err)
	}
}

// What ADD refuses, and what it says. It leaves nothing, and touches no link of
// others.
func TestMasterRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, plugin, keys, prepare, want string }{
		{"no master", "macvlan", `"master": "none"`, "true", `failed to lookup master "none": Link not found`},
		{"MTU", "macvlan", `"mtu": 1501`, "true", "invalid MTU 1501, must be [0, master MTU(1500)]"},
		{"negative MTU", "macvlan", `"mtu": -100`, "true", "invalid MTU -100, must be [0, master MTU(1500)]"},
		{"MTU of ipvlan", "ipvlan", `"mtu": 9000`, "true", "invalid MTU 9000, must be [0, master MTU(1500)]"},
		{"MTU of vlan", "vlan", `"vlanId": 1, "mtu": 1600`, "true", "invalid MTU 1600, must be [0, master MTU(1500)]"},
		{"name", "macvlan", bare, "ip -n c link add eth0 type veth", `failed to create macvlan "eth0": file exists`},
		{"VLAN", "vlan", `"vlanId": 7`, "ip link add link uplink name there type vlan id 7",
			`failed to create vlan "eth0": file exists: VLAN 7 of "uplink" has an interface`},
		{"VLAN's master is down", "vlan", `"vlanId": 7`, "ip link set uplink down", `master "uplink": network is down`},
		{"MAC in use", "macvlan", `"mac": "02:00:00:00:00:01"`, "ip link set uplink address 02:00:00:00:00:01", `set "eth0" up: `},
		{"macvlan on ipvlan's", "macvlan", bare, "ip link add link uplink name other type ipvlan",
			`failed to create macvlan "eth0": device or resource busy: master "uplink" has ipvlan interfaces, maybe in containers, or MACsec, and cannot have macvlan ones beside`},
		{"ipvlan on macvlan's", "ipvlan", bare, "ip link add link uplink name other type macvlan",
			`failed to create ipvlan "eth0": device or resource busy: master "uplink" has macvlan interfaces, maybe in containers, or MACsec, and cannot have ipvlan ones beside`},
		{"macvlan on a port", "macvlan", bare, "ip link add br0 type bridge; ip link set uplink master br0",
			`failed to create macvlan "eth0": device or resource busy: master "uplink" is a port of bridge "br0", which gets its frames: put the interface on that`},
		{"ipvlan on a port", "ipvlan", bare, "ip link add br0 type bridge; ip link set uplink master br0",
			`failed to create ipvlan "eth0": device or resource busy: master "uplink" is a port of bridge "br0", which gets its frames: put the interface on that`},
		{"macvlan beside passthru", "macvlan", bare, "ip link add link uplink name other type macvlan mode passthru",
			`failed to create macvlan "eth0": invalid argument: master "uplink" has a macvlan in mode passthru, maybe in a container, which needs it for itself`},
		{"passthru beside macvlan", "macvlan", `"mode": "passthru"`, "ip link add link uplink name other type macvlan",
			`failed to create macvlan "eth0": invalid argument: master "uplink" has a macvlan, maybe in a container, and mode passthru needs a master for itself`},
		{"macvlan on lo", "macvlan", `"master": "lo"`, "true", `failed to create macvlan "eth0": invalid argument: master "lo" is no Ethernet interface`},
		{"macvlan on a tun", "macvlan", `"master": "tun0"`, "ip tuntap add tun0 mode tun", `failed to create macvlan "eth0": invalid argument: master "tun0" is no Ethernet interface`},
		{"ipvlan on a tun", "ipvlan", `"master": "tun0"`, "ip tuntap add tun0 mode tun", `failed to create ipvlan "eth0": invalid argument: master "tun0" is no Ethernet interface`},
		{"vlan on lo", "vlan", `"vlanId": 7, "master": "lo"`, "true", `failed to create vlan "eth0": operation not supported: master "lo" is no Ethernet interface`},
		{"MAC", "macvlan", `"mac": "zz"`, "true", "invalid args zz for MAC addr: address zz: invalid MAC address"},
		{"chain", "ipvlan", `"master": "", "prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": "a"}, {"name": "b"}]}`, "true",
			"chained master failure. PrevResult lacks a single named interface"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			needsDriver(t, n, test.plugin)
			if strings.HasSuffix(test.prepare, "type ipvlan") {
				needsDriver(t, n, "ipvlan")
			}
			n.Exec(t, "sh", "-ec", wire)
			c := n.Container(t, "c")
			n.Exec(t, "sh", "-ec", test.prepare)
			before := n.State(t, c)
			call := childCall(test.plugin, c, test.keys+", "+dualStack)
			if err := n.Run(t, "ADD", call).Err(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			n.Must(t, "DEL", call)
			if diff := hoststate.Diff(before, n.State(t, c), node.Lasting(), late()); diff != "" {
				t.Errorf("after the failure:\n%s", diff)
			}
		})
	}
}

// STATUS tells what ADD would fail of.
func TestMasterStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, plugin, keys, prepare, want string }{
		{"nothing", "macvlan", bare, "true", ""},
		{"no master", "macvlan", `"master": "none"`, "true", `macvlan: failed to lookup master "none": Link not found`},
		{"MTU", "macvlan", `"mtu": 9000`, "true", "macvlan: invalid MTU 9000, must be [0, master MTU(1500)]"},
		{"down", "macvlan", bare, "ip link set uplink down", ""},
		{"vlan down", "vlan", `"vlanId": 7`, "ip link set uplink down", `vlan: master "uplink": network is down`},
		{"maybe chained", "ipvlan", `"master": ""`, "true", ""},
		{"in the container", "macvlan", `"master": "none", "linkInContainer": true`, "true", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			needsDriver(t, n, test.plugin)
			n.Exec(t, "sh", "-ec", wire+test.prepare)
			call := childCall(test.plugin, n.Container(t, "c"), test.keys)
			err := n.Run(t, "STATUS", call).Err()
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if e, ok := err.(*types.Error); !ok || e.Code != types.ErrPluginNotAvailable || e.Msg != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// Nothing waits for a master that has no carrier, or is down, and the interface
// works when that has. No other test runs beside: this one looks at the clock.
func TestMasterWithoutCarrier(t *testing.T) {
	for _, test := range []struct{ name, plugin, keys, dev, command string }{
		{"macvlan", "macvlan", bare, "peer", "true"},
		{"macvlan, master down", "macvlan", bare, "peer", "true"},
		{"ipvlan", "ipvlan", bare, "peer", "true"},
		{"ipvlan, master down", "ipvlan", bare, "peer", "true"},
		{"vlan", "vlan", `"vlanId": 100`, "lan", bridgedVLANs},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := node.New(t)
			needsDriver(t, n, test.plugin)
			outside := neighbour(t, n, test.dev, test.command)
			set := func(state string) {
				if strings.HasSuffix(test.name, "master down") {
					n.Exec(t, "ip", "link", "set", "uplink", state)
				} else {
					outside.Exec(t, "ip", "link", "set", "peer", state)
				}
			}
			set("down")
			c := n.Container(t, "c")
			call := childCall(test.plugin, c, test.keys+", "+dualStack)
			start := time.Now()
			result := n.Must(t, "ADD", call)
			took := time.Since(start)
			start = time.Now()
			n.Must(t, "CHECK", call.With("prevResult", result))
			// CHECK tells how slow the machine is.
			if patience := 2*time.Second + 3*time.Since(start); took > patience {
				t.Errorf("took %v, more than %v", took, patience)
			}
			set("up")
			outside.Exec(t, "ip", "addr", "replace", "fd00:1:2::1/64", "dev", test.dev, "nodad")
			for _, address := range []string{"10.1.2.1", "fd00:1:2::1"} {
				c.Exec(t, "ping", "-n", "-c", "5", "-i", "0.2", "-W", "1", address)
			}
		})
	}
}

// An ADD with a version that has no room for the MTU does not report it, a newer
// one does.
func TestMasterReportsMTU(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", wire)
	for v, want := range map[string]bool{"1.0.0": false, "1.1.0": true} {
		c := n.Container(t, strings.ReplaceAll(v, ".", "-"))
		out := n.Must(t, "ADD", childCall("macvlan", c, bare).With("cniVersion", fmt.Appendf(nil, "%q", v)))
		if got := strings.Contains(string(out), `"mtu": 1500`); got != want {
			t.Errorf("%s: %s", v, out)
		}
	}
}

// The interface is on another one of the same container.
func TestMasterInContainer(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", wire)
	c := n.Container(t, "c")
	n.Must(t, "ADD", childCall("macvlan", c, bare))
	call := childCall("macvlan", c, `"linkInContainer": true`).With("master", []byte(`"eth0"`))
	call.IfName = "net1"
	result := n.Must(t, "ADD", call)
	n.Must(t, "CHECK", call.With("prevResult", result))
	n.Must(t, "STATUS", call)
	n.Must(t, "DEL", call)
	if links := c.Exec(t, "ip", "-br", "link"); strings.Contains(links, "net1") || !strings.Contains(links, "eth0") {
		t.Errorf("links after DEL:\n%s", links)
	}
}

// In a chain, ipvlan is on the interface of the plugin before, and has the
// addresses that this has found.
func TestIPVLANChained(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	needsDriver(t, n, "ipvlan")
	n.Exec(t, "sh", "-ec", wire)
	c := n.Container(t, "c")
	call := childCall("ipvlan", c, `"prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": "uplink"}],
		"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 0}], "routes": [{"dst": "0.0.0.0/0"}], "dns": {"nameservers": ["10.1.2.53"]}}`).With("master", nil)
	result := add(t, n, call)
	if len(result.Interfaces) != 1 || result.Interfaces[0].Name != "eth0" || len(result.IPs) != 1 || len(result.DNS.Nameservers) != 1 {
		t.Errorf("got %v", result)
	}
	if routes := c.Exec(t, "ip", "route"); !hasLine(routes, "^default via 10.1.2.1 dev eth0") {
		t.Errorf("routes:\n%s", routes)
	}
	n.Must(t, "STATUS", call)
	n.Must(t, "DEL", call)
	checked := call.With("prevResult", n.Must(t, "ADD", call))
	n.Must(t, "CHECK", checked)
	n.Must(t, "DEL", checked)
}

// DEL leaves a link alone that is of another kind, or belongs to another
// attachment: the path of a namespace may be in use again.
func TestMasterForeignLinks(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", wire)
	kind, attachment := n.Container(t, "kind"), n.Container(t, "attachment")
	kind.Exec(t, "ip", "link", "add", "eth0", "type", "veth")
	n.Must(t, "DEL", childCall("macvlan", kind, bare))
	call := childCall("macvlan", attachment, bare)
	n.Must(t, "ADD", call)
	call.ContainerID = "dead"
	n.Must(t, "DEL", call)
	for _, c := range []*node.Container{kind, attachment} {
		c.Exec(t, "ip", "link", "show", "eth0")
	}
}

// A node that starts 50 containers on one master at once, and stops them at once.
func TestMasterParallel(t *testing.T) {
	t.Parallel()
	const count = 50
	for _, plugin := range []string{"macvlan", "ipvlan", "vlan"} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			needsDriver(t, n, plugin)
			n.Exec(t, "sh", "-ec", wire)
			var calls []node.Call
			for i := range count {
				keys := fmt.Sprintf(`"vlanId": %d, `, i+1) // only vlan looks at it
				calls = append(calls, childCall(plugin, n.Container(t, fmt.Sprint("c", i)), keys+dualStack))
			}
			before := n.State(t)
			for i, out := range atOnce(t, n, "ADD", calls) {
				calls[i] = calls[i].With("prevResult", out.Stdout)
			}
			atOnce(t, n, "CHECK", calls)
			atOnce(t, n, "DEL", calls)
			expectRestored(t, n, before, "after DEL")
		})
	}
}
