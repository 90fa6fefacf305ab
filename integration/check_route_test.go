package integration

import (
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// CHECK asks where packets to a container go, and if rules of others lead them
// elsewhere, whether its route is there all the same.
func TestCheckRouteBesideRules(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := n.Container(t, "c")
	call := node.Call{
		Plugin: "ptp", ContainerID: "c", Netns: c.Path, IfName: "eth0",
		Config: `{"cniVersion": "1.1.0", "name": "net", "type": "ptp", "ipam": {"type": "static",
			"addresses": [{"address": "10.1.2.2/24", "gateway": "10.1.2.1"}, {"address": "fd00:1:2::2/64", "gateway": "fd00:1:2::1"}]}}`,
	}
	call = call.With("prevResult", n.Must(t, "ADD", call))
	for _, step := range []struct {
		command string
		fine    bool
	}{
		{"true", true},
		{"ip route add unreachable default table 100; ip rule add pref 10 table 100", true},
		{"ip -6 route add unreachable default table 100; ip -6 rule add pref 10 table 100", true},
		{"ip route del 10.1.2.2", false},
		{"ip rule del pref 10", false},
		{"ip route add 10.1.2.2 via 10.1.2.2 dev $(ip -o link show type veth | sed 's/^[0-9]*: //; s/@.*//') onlink", false},
	} {
		n.Exec(t, "sh", "-ec", step.command)
		if err := n.Run(t, "CHECK", call).Err(); (err == nil) != step.fine {
			t.Errorf("after %q: %v", step.command, err)
		}
	}
}
