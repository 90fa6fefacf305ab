package integration

import (
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// Keys that change the interface. CHECK compares what they say with it, ADD needs
// no IPAM.
func TestMasterOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, plugin, keys, want, spoil, complaint string }{
		{"mode", "macvlan", `"mode": "vepa"`, "macvlan mode vepa", "ip link set eth0 type macvlan mode private", `interface eth0 has mode "private", expected "vepa"`},
		{"bcqueuelen", "macvlan", `"bcqueuelen": 77`, "bcqueuelen 77 ", "ip link set eth0 type macvlan bcqueuelen 78", tolerated + `interface eth0 has bcqueuelen "78", expected "77"`},
		{"source", "macvlan", `"mode": "source", "macaddrs": ["02:00:00:00:00:01", "02:00:00:00:00:02"]`, "mode source .*remotes \\(2\\)",
			"ip link set eth0 type macvlan macaddr del 02:00:00:00:00:02", `has macaddr "02:00:00:00:00:01", expected "02:00:00:00:00:01 02:00:00:00:00:02"`},
		{"nopromisc", "macvlan", `"mode": "passthru", "nopromisc": true`, "mode passthru nopromisc", "true", ""},
		{"queues", "macvlan", `"numTxQueues": 3, "numRxQueues": 2`, "numtxqueues 3 numrxqueues 2", "true", ""},
		{"mtu", "macvlan", `"mtu": 1400`, "mtu 1400 ", "ip link set eth0 mtu 1300", tolerated + "interface eth0 has MTU 1300, expected 1400"},
		{"mac", "macvlan", `"mac": "02:00:00:00:00:0a"`, "link/ether 02:00:00:00:00:0a ", "ip link set eth0 address 02:00:00:00:00:0b", "has MAC address 02:00:00:00:00:0b"},
		{"capability", "macvlan", `"mac": "02:00:00:00:00:0a", "runtimeConfig": {"mac": "02:00:00:00:00:0c"}`, "link/ether 02:00:00:00:00:0c ", "true", ""},
		{"up", "macvlan", bare, "<.*,UP", "ip link set eth0 down", "interface eth0 is down"},
		{"kind", "macvlan", bare, "macvlan", "ip link del eth0; ip link add eth0 type veth", "interface eth0 has kind veth, expected macvlan"},
		{"master", "macvlan", bare, "macvlan", "ip link del eth0; ip link add below type veth; ip link set below up; ip link add link below name eth0 type macvlan mode bridge", "interface eth0 is not on master uplink"},
		{"l3", "ipvlan", `"mode": "l3"`, "ipvlan +mode l3 bridge", "ip link set eth0 type ipvlan mode l2", `interface eth0 has mode "l2", expected "l3"`},
		{"private", "ipvlan", `"flag": "private", "mtu": 1400`, "mtu 1400 (.|\\n)*mode l2 private", "ip link set eth0 type ipvlan vepa", `interface eth0 has flag "vepa", expected "private"`},
		{"802.1ad", "vlan", `"vlanId": 9, "protocol": "802.1ad", "mac": "02:00:00:00:00:0a"`, "link/ether 02:00:00:00:00:0a (.|\\n)*protocol 802.1ad id 9 ", "true", ""},
		{"qos", "vlan", `"vlanId": 9, "qos": {"ingress": {"3": 5}, "egress": {"6": 7, "0": 1}}`, "(.|\\n)*ingress-qos-map \\{ 3:5 \\}",
			"ip link set eth0 type vlan egress 6:2", tolerated + `interface eth0 has egress-qos-map "0:1 6:2", expected "0:1 6:7"`},
		{"VLAN", "vlan", `"vlanId": 9`, "<.*,UP", "ip link set eth0 down", "interface eth0 is down"},
		{"VLAN 0", "vlan", `"vlanId": 0`, "id 0 ", "ip link del eth0; ip link add link lower name eth0 type vlan id 2", `interface eth0 has id "2", expected "0"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			needsDriver(t, n, test.plugin)
			n.Exec(t, "sh", "-ec", wire)
			c := n.Container(t, "c")
			before := n.State(t, c)
			call := childCall(test.plugin, c, test.keys)
			checked := call.With("prevResult", n.Must(t, "ADD", call))
			if got := c.Exec(t, "ip", "-d", "link", "show", "eth0"); !hasLine(got, test.want) {
				t.Errorf("%s prints\n%s", test.want, got)
			}
			n.Must(t, "CHECK", checked)
			n.Must(t, "DEL", call)
			expectRestored(t, n, before, "after DEL", c)
			checked = call.With("prevResult", n.Must(t, "ADD", call))
			c.Exec(t, "sh", "-ec", "ip link add lower type veth; "+test.spoil)
			if test.complaint != "" {
				wantDifference(t, n, checked, test.complaint)
			}
		})
	}
}
