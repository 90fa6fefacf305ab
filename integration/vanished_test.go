package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// vanishing is a plugin whose containers all get the same of what only one can have.
type vanishing struct {
	name, plugin, keys string
	host               string
	tries              int
	// refusal is what the ADD of a second container says while the first one lives.
	refusal string
}

var vanishings = []vanishing{
	{name: "ptp", plugin: "ptp", keys: `"mtu": 1500`, tries: 60, refusal: " has it: file exists"},
	{name: "bridge", plugin: "bridge", keys: `"bridge": "br0", "isGateway": true`, tries: 60},
	{name: "bridge with a hardware address", plugin: "bridge", keys: `"bridge": "br0", "isGateway": true, "args": {"cni": {"mac": "02:00:00:00:00:0a"}}`, tries: 60},
	{name: "macvlan with a hardware address", plugin: "macvlan", keys: `"master": "uplink1", "mac": "02:00:00:00:00:0a"`,
		host: cable + farEnd, tries: 60, refusal: `set "eth0" up: address already in use`},
	{name: "macvlan passthru", plugin: "macvlan", keys: `"master": "uplink1", "mode": "passthru"`,
		host: cable + farEnd, tries: 60, refusal: "invalid argument"},
	{name: "ipvlan", plugin: "ipvlan", keys: `"master": "uplink1"`,
		host: cable + farEnd, tries: 15, refusal: "address already in use"},
	{name: "vlan", plugin: "vlan", keys: `"master": "uplink1", "vlanId": 5`,
		host: cable + vlanEnd + farEnd, tries: 15, refusal: "file exists: VLAN 5"},
}

func (v vanishing) call(c *node.Container, id string) node.Call {
	return node.Call{
		Plugin: v.plugin, ContainerID: id, Netns: c.Path, IfName: "eth0",
		Config: fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "net", "type": %q, %s, "ipam": {"type": "static", "addresses": [
			{"address": "10.89.1.5/24", "gateway": "10.89.1.1"}, {"address": "fd00:89:1::5/64", "gateway": "fd00:89:1::1"}]}}`, v.plugin, v.keys),
	}
}

// A namespace that is gone without DEL leaves its addresses to the next container at
// once, though the kernel has still to remove what was in it: whoever asks for them
// reaches the new one.
func TestVanished(t *testing.T) {
	t.Parallel()
	for _, v := range vanishings {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			if v.plugin == "ipvlan" || v.plugin == "vlan" {
				needsDriver(t, n, v.plugin)
			}
			n.Exec(t, "sh", "-ec", numbered(v.host, 1))
			for i := range v.tries {
				id := fmt.Sprint("c", i)
				c := n.Container(t, id)
				n.Must(t, "ADD", v.call(c, id))
				for _, address := range []string{"10.89.1.5", "fd00:89:1::5"} {
					n.Exec(t, "ping", "-n", "-c1", "-W5", address)
				}
				// A socket, or a thread, would keep the namespace.
				echoes := c.Exec(t, "sh", "-c", "cat /proc/net/snmp6; nstat -asz IcmpInEchos")
				if !hasLine(echoes, "^IcmpInEchos +[1-9]") || !hasLine(echoes, "^Icmp6InEchos\\s+[1-9]") {
					t.Fatalf("try %d: another one answers:\n%s", i, echoes)
				}
				c.Remove(t)
			}
		})
	}
}

// What a container has that lives is an error, which says so, and that ADD leaves
// nothing.
func TestNotVanished(t *testing.T) {
	t.Parallel()
	for _, v := range vanishings {
		if v.refusal == "" {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			if v.plugin == "ipvlan" || v.plugin == "vlan" {
				needsDriver(t, n, v.plugin)
			}
			n.Exec(t, "sh", "-ec", numbered(v.host, 1))
			one, other := n.Container(t, "one"), n.Container(t, "other")
			holder := v.call(one, "one")
			holder = holder.With("prevResult", n.Must(t, "ADD", holder))
			before, start := n.State(t, one, other), time.Now()
			err := n.Run(t, "ADD", v.call(other, "other")).Err()
			if err == nil || !strings.Contains(err.Error(), v.refusal) {
				t.Errorf("error %v, want %q", err, v.refusal)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("that took %v", took)
			}
			if diff := hoststate.Diff(before, n.State(t, one, other), node.Lasting(), late()); diff != "" {
				t.Errorf("after the ADD that failed:\n%s", diff)
			}
			n.Must(t, "CHECK", holder)
		})
	}
}
