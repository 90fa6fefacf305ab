package integration

import (
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// What upstream's ADD made, DEL removes, and the other way round.
func TestMasterInterop(t *testing.T) {
	t.Parallel()
	for plugin, keys := range map[string]string{"macvlan": `"mode": "private"`, "ipvlan": `"mode": "l2"`, "vlan": `"vlanId": 5`} {
		t.Run(plugin, func(t *testing.T) {
			eachWay(t, func(t *testing.T, sides func(node.Call) (adds, deletes node.Call)) {
				n := node.New(t)
				needsDriver(t, n, plugin)
				outside := neighbour(t, n, "peer", "true")
				if plugin == "vlan" {
					outside.Exec(t, "sh", "-ec", "ip link add link peer name five type vlan id 5; ip link set five up; ip addr flush dev peer; ip addr add 10.1.2.1/24 dev five")
				}
				c := n.Container(t, "c")
				before := n.State(t, c)
				ipam := strings.Replace(bridgeV4, `"subnet": "10.1.2.0/24"`, `"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.5"`, 1)
				adds, deletes := sides(childCall(plugin, c, keys+", "+ipam))
				result := n.Must(t, "ADD", adds)
				if !reaches(t, c, "10.1.2.1") {
					t.Error("the neighbour does not answer")
				}
				deletes = deletes.With("prevResult", result)
				n.Must(t, "CHECK", deletes)
				n.Must(t, "DEL", deletes)
				expectRestored(t, n, before, "after DEL", c)
			})
		})
	}
}
