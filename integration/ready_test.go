package integration

import (
	"fmt"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// changes makes and removes pairs, so that the kernel comes late to what it does about others.
const changes = `for i in $(seq 50); do echo link add v$i up type veth peer name w$i; echo link set w$i up; done >/run/make
	for i in $(seq 50); do echo link del v$i; done >/run/remove
	while :; do ip -batch /run/make; ip -batch /run/remove; done`

// Once ADD returns, all sends that the host reaches the first container by, also while other
// interfaces come and go. What /sys tells is what the kernel has come to: to ask it by netlink
// makes it do so.
func TestReadyAmidChanges(t *testing.T) {
	t.Parallel()
	for range 3 {
		node.New(t).Start(t, "sh", "-c", changes)
	}
	for name, c := range map[string]struct {
		plugin, keys string
		rounds       int
	}{
		"bridge": {"bridge", `"bridge": "br0", "isGateway": true`, 10},
		"VLAN":   {"bridge", `"bridge": "br0", "isGateway": true, "vlan": 7`, 2}, // in a slow guest
		"ptp":    {"ptp", `"mtu": 1400`, 5},
	} {
		t.Run(name, func(t *testing.T) {
			n := node.New(t)
			if name == "VLAN" {
				needsVLANs(t, n)
			}
			for i := range c.rounds {
				config := fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": %q, %s, "ipam": {"type": "host-local", "subnet": "10.9.0.0/24"}}`, c.plugin, c.keys)
				call := node.Call{Plugin: c.plugin, Config: config, ContainerID: "c", Netns: n.Container(t, fmt.Sprint("c", i)).Path, IfName: "eth0"}
				n.Must(t, "ADD", call)
				if late, err := n.Try("sh", "-c", "cd /sys/class/net; grep -Hvx up br0*/operstate veth*/operstate"); err == nil {
					t.Errorf("not operational after ADD %d:\n%s", i, late)
				}
				n.Must(t, "DEL", call)
				n.Exec(t, "sh", "-c", "! ip link show br0 2>/dev/null || ip link del br0")
			}
		})
	}
}
