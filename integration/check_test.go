package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// tolerated begins a difference in the tables of tests that may be on purpose.
const tolerated = "tolerated: "

// wantDifference calls CHECK of an attachment that somebody has changed. What breaks it
// is an error. What is tolerated is named on standard error, and an error only where the
// configuration says so.
func wantDifference(t *testing.T, n *node.Node, call node.Call, want string) {
	t.Helper()
	want, tuned := strings.CutPrefix(want, tolerated)
	if err := n.Run(t, "CHECK", call.With("strictCheck", []byte("true"))).Err(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("with strictCheck: got %v, want %q", err, want)
	}
	out := n.Run(t, "CHECK", call)
	err := out.Err()
	switch {
	case !tuned && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want %q", err, want)
	case tuned && (err != nil || !strings.Contains(string(out.Stderr), want)):
		t.Errorf("got %v, stderr %q, want %q there", err, out.Stderr, want)
	}
}

// What the container or an administrator adds to an interface is tolerated, if it leaves
// what ADD made as it is.
func TestCheckTolerates(t *testing.T) {
	t.Parallel()
	for _, p := range twoNetworksOf {
		t.Run(p.plugin, func(t *testing.T) {
			t.Parallel()
			n, c := p.start(t)
			call := p.call(c, 1)
			call = call.With("prevResult", n.Must(t, "ADD", call))
			strict := call.With("strictCheck", []byte("true"))
			n.Must(t, "CHECK", strict)
			// A second network is not an addition to the first.
			n.Must(t, "ADD", p.call(c, 2))
			n.Must(t, "CHECK", strict)
			for _, change := range [][3]string{
				{"ip addr add 192.0.2.7/32 dev net1", "ip addr del 192.0.2.7/32 dev net1", "interface net1 has address 192.0.2.7/32, too"},
				{"ip addr add 2001:db8::7/128 dev net1 nodad", "ip addr del 2001:db8::7/128 dev net1", "interface net1 has address 2001:db8::7/128, too"},
				{"ip route add 192.0.2.0/24 dev net1", "ip route del 192.0.2.0/24 dev net1", "interface net1 has route 192.0.2.0/24, too"},
				{"ip route prepend default via 10.89.1.9 dev net1 onlink", "ip route del default via 10.89.1.9", "interface net1 has route default via 10.89.1.9, too"},
				{"ip -6 route append default via fd00:89:1::9 dev net1 onlink", "ip -6 route del default via fd00:89:1::9", "interface net1 has route default via fd00:89:1::9, too"},
			} {
				c.Exec(t, "sh", "-ec", change[0])
				wantDifference(t, n, call, tolerated+change[2])
				c.Exec(t, "sh", "-ec", change[1])
				n.Must(t, "CHECK", strict)
			}
		})
	}
}

// Several gateways to one destination are one route with several next hops as we make
// it, and several routes as upstream does.
func TestCheckSeveralGateways(t *testing.T) {
	t.Parallel()
	for _, whose := range []string{"ours", "upstream's"} {
		t.Run(whose, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			ours, adds := upstreams(t, bridgeCall(c, `"ipam": {"type": "static", "addresses": [{"address": "10.1.2.5/24"}, {"address": "fd00:1:2::5/64"}], "routes": [
				{"dst": "0.0.0.0/0", "gw": "10.1.2.1"}, {"dst": "0.0.0.0/0", "gw": "10.1.2.2"}, {"dst": "::/0", "gw": "fd00:1:2::1"}, {"dst": "::/0", "gw": "fd00:1:2::2"},
				{"dst": "198.51.100.0/24", "gw": "10.1.2.1"}, {"dst": "198.51.100.0/24", "gw": "10.1.2.2"}]}`))
			if whose == "ours" {
				adds = ours
			}
			ours = ours.With("prevResult", n.Must(t, "ADD", adds)).With("strictCheck", []byte("true"))
			n.Must(t, "CHECK", ours)
			for _, lost := range [][3]string{{"-4", "198.51.100.0/24", "10.1.2."}, {"-6", "default", "fd00:1:2::"}} {
				c.Exec(t, "sh", "-ec", fmt.Sprintf("ip %[1]s route flush %[2]s; ip %[1]s route add %[2]s via %[3]s2 dev eth0", lost[0], lost[1], lost[2]))
				wantDifference(t, n, ours, fmt.Sprintf("interface eth0 lacks route %s nexthop via %s1", lost[1], lost[2]))
			}
		})
	}
}
