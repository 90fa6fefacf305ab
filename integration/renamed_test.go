package integration

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// renamable is a chain of plugins, the first of which makes the interface.
type renamable struct {
	name    string
	plugins [][2]string // type and keys
	host    string
}

const (
	plain   = `"bridge": "br0", "isGateway": true, "removeEmptyBridge": true, ` + dualStack
	guarded = `"ipMasq": true, "ipMasqBackend": "nftables", "macspoofchk": true, ` + plain
)

var renamables = []renamable{
	{name: "ptp", plugins: [][2]string{{"ptp", `"ipMasq": true, "ipMasqBackend": "nftables", ` + dualStack}}},
	{name: "ptp with iptables", plugins: [][2]string{{"ptp", `"ipMasq": true, "ipMasqBackend": "iptables", ` + dualStack}}},
	{name: "bridge", plugins: [][2]string{{"bridge", guarded}}},
	{name: "macvlan", plugins: [][2]string{{"macvlan", `"master": "uplink", ` + dualStack}}, host: wire},
	{name: "ipvlan", plugins: [][2]string{{"ipvlan", `"master": "uplink", ` + dualStack}}, host: wire},
	{name: "vlan", plugins: [][2]string{{"vlan", `"master": "uplink", "vlanId": 5, ` + dualStack}}, host: wire},
	{name: "dummy", plugins: [][2]string{{"dummy", dualStack}}},
	{name: "tap", plugins: [][2]string{{"tap", dualStack}}},
	{name: "host-device", plugins: [][2]string{{"host-device", `"device": "uplink", ` + dualStack}}, host: wire},
	{name: "firewall", plugins: [][2]string{{"bridge", guarded}, {"firewall", `"backend": "nftables", "ingressPolicy": "same-bridge"`}}},
	{name: "firewall with iptables", plugins: [][2]string{{"bridge", guarded}, {"firewall", `"backend": "iptables"`}}},
	{name: "portmap", plugins: [][2]string{{"bridge", guarded}, {"portmap", `"backend": "nftables", ` + mapped}}},
	{name: "portmap with iptables", plugins: [][2]string{{"bridge", guarded}, {"portmap", `"backend": "iptables", ` + mapped}}},
	{name: "tuning", plugins: [][2]string{{"bridge", guarded}, {"tuning", `"mtu": 1400, "promisc": true`}}},
	{name: "bandwidth", plugins: [][2]string{{"bridge", plain}, {"bandwidth", `"runtimeConfig": {"bandwidth": ` + both + `}`}}},
	{name: "sbr", plugins: [][2]string{{"bridge", plain}, {"sbr", `"table": 5000`}}},
	{name: "vrf", plugins: [][2]string{{"bridge", plain}, {"vrf", `"vrfname": "blue"`}}},
}

const mapped = `"runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}`

// ownAddresses are those of no other test: a lease under the former name of the network goes
// only if nobody on the machine has its address, and processes of all tests are seen there.
var ownAddresses = strings.NewReplacer("10.1.2.", "10.31.2.", "fd00:1:2:", "fd00:31:2:")

// calls are about the network of a name, one for each plugin.
func (r renamable) calls(c *node.Container, network string) []node.Call {
	var calls []node.Call
	for _, p := range r.plugins {
		calls = append(calls, node.Call{
			Plugin: p[0], ContainerID: filepath.Base(c.Path), Netns: c.Path, IfName: "eth0",
			Config: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": %q, "type": %q, %s}`, network, p[0], ownAddresses.Replace(p[1])),
		})
	}
	return calls
}

// add calls ADD of the whole chain.
func (r renamable) add(t *testing.T, n *node.Node, c *node.Container, network string) {
	t.Helper()
	var result []byte
	for _, call := range r.calls(c, network) {
		if result != nil {
			call = call.With("prevResult", result)
		}
		result = n.Must(t, "ADD", call)
	}
}

// del calls DEL of the whole chain, without a result: the runtime finds none under the
// network's name.
func (r renamable) del(t *testing.T, n *node.Node, c *node.Container, network string) {
	t.Helper()
	for _, call := range slices.Backward(r.calls(c, network)) {
		if out := n.Run(t, "DEL", call); out.Err() != nil {
			t.Errorf("DEL of %s: %v", call.Plugin, out.Err())
		}
	}
}

// eachRenamable makes a node on which the chain has run before, with a container of the
// same network that stays, and one that is to be deleted.
func eachRenamable(t *testing.T, test func(t *testing.T, r renamable, n *node.Node, c *node.Container)) {
	t.Parallel()
	for _, r := range renamables {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			for _, p := range r.plugins {
				if slices.Contains([]string{"ipvlan", "vlan", "dummy", "vrf"}, p[0]) {
					needsDriver(t, n, p[0])
				}
			}
			n.Exec(t, "sh", "-ec", r.host+"\ntrue")
			test(t, r, n, n.Container(t, "c"))
		})
	}
}

// DEL finds what an attachment has if somebody has given its network another name since
// ADD, and GC under the new name leaves it alone.
func TestRenamed(t *testing.T) {
	eachRenamable(t, func(t *testing.T, r renamable, n *node.Node, c *node.Container) {
		r.add(t, n, c, "before")
		r.del(t, n, c, "before")
		before := n.State(t, c)
		r.add(t, n, c, "before")
		live := n.State(t, c)
		for _, call := range r.calls(c, "after") {
			n.Must(t, "GC", call.With("cni.dev/valid-attachments", []byte("[]")))
		}
		if diff := hoststate.Diff(live, n.State(t, c), node.Lasting(), late()); diff != "" {
			t.Errorf("after GC:\n%s", diff)
		}
		for range 2 {
			r.del(t, n, c, "after")
			if diff := hoststate.Diff(before, n.State(t, c), node.Lasting(), late()); diff != "" {
				t.Errorf("after DEL:\n%s", diff)
			}
		}
	})
}

// So it does if the namespace is gone.
func TestRenamedAndGone(t *testing.T) {
	eachRenamable(t, func(t *testing.T, r renamable, n *node.Node, c *node.Container) {
		if r.name == "host-device" {
			return // TestHostDeviceHardware has a device that comes back by itself
		}
		before := n.Container(t, "first")
		r.add(t, n, before, "before")
		r.del(t, n, before, "before")
		before.Remove(t)
		state := n.State(t)
		r.add(t, n, c, "before")
		c.Remove(t)
		if slices.Contains([]string{"bandwidth", "sbr", "vrf"}, r.name) {
			// Nothing tells bridge which of its ports ends now, so that the bridge is not empty.
			n.Exec(t, "sh", "-ec", `while [ -n "$(ls /sys/class/net/br0/brif)" ]; do sleep 0.02; done`)
		}
		r.del(t, n, c, "after")
		cleaned(t, n, state, regexp.MustCompile("/run/netns/c( |$)"))
	})
}

// Another container's interface, in the network of the new name, is not touched, be it
// that it has the path of the namespace now.
func TestRenamedOthers(t *testing.T) {
	eachRenamable(t, func(t *testing.T, r renamable, n *node.Node, c *node.Container) {
		r.add(t, n, c, "before")
		live := n.State(t, c)
		for _, call := range slices.Backward(r.calls(c, "after")) {
			call.ContainerID = "dead"
			n.Must(t, "DEL", call)
		}
		if diff := hoststate.Diff(live, n.State(t, c), node.Lasting(), late()); diff != "" {
			t.Errorf("after the DEL of another container:\n%s", diff)
		}
		r.del(t, n, c, "before")
	})
}
