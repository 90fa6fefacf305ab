package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// A list of network configurations on standard input, as it is in a file for a runtime,
// is refused with the reason, and nothing changes.
func TestConfigurationList(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		n := node.New(t)
		s.prepare(t, n)
		c := s.container(t, n, "c")
		call := s.call(latest, c.Path)
		n.Must(t, "ADD", call)
		before := n.State(t, c)
		list := call
		list.Config = fmt.Sprintf(`{"cniVersion": %q, "name": "net", "plugins": [%s], "cni.dev/valid-attachments": []}`, latest, call.Config)
		for _, command := range []string{"ADD", "CHECK", "DEL", "GC", "STATUS"} {
			err := n.Run(t, command, list).Err()
			if e, ok := err.(*types.Error); !ok || e.Code != types.ErrInvalidNetworkConfig || !strings.Contains(e.Msg, `"plugins"`) {
				t.Errorf("%s: %v", command, err)
			}
		}
		if diff := hoststate.Diff(before, n.State(t, c), late()); diff != "" {
			t.Errorf("state changed:\n%s", diff)
		}
	})
}

// What an operator meant otherwise is named on standard error by an ADD that succeeds,
// once, and nothing else is.
func TestSlips(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ plugin, config, want string }{
		{"ptp", `"ipam": {"type": "host-local", "subnet": "10.1.2.0/24", "routes": [{"dst": "0.0.0.0/0"}]}, "ipMasq": false, "mtu": 1400`, ""},
		{"ptp", `"ipan": {"type": "host-local", "subnet": "10.1.2.0/24"}`, `unknown key "ipan" in the network configuration: is "ipam" meant?
ptp: no "ipam" in the network configuration: the container gets no address
`},
		{"macvlan", `"master": "up0", "mod": "bridge"`, `unknown key "mod" in the network configuration: is "mode" meant?
macvlan: no "ipam" in the network configuration: the container gets no address
`},
		{"bridge", `"isDefaultGatway": true, "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24", "rangstart": "10.1.2.9"}]]}`,
			`unknown key "isDefaultGatway" in the network configuration: is "isDefaultGateway" meant?
unknown key "ipam.ranges.rangstart" in the network configuration: is "ipam.ranges.rangeStart" meant?
`},
		{"bridge", `"vlan": 0`, ""},
		{"bridge", `"ipam": {"type": "static", "adresses": [], "addresses": [{"address": "10.1.2.3/24"}]}`,
			`unknown key "ipam.adresses" in the network configuration: is "ipam.addresses" meant?
`},
		{"tuning", `"sysctls": {}, "mtu": 1400, "prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": "lo", "sandbox": "/run/netns/c"}]}`,
			`unknown key "sysctls" in the network configuration: is "sysctl" meant?
`},
	} {
		t.Run(test.plugin, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			n.Exec(t, "ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
			call := node.Call{
				Plugin: test.plugin, ContainerID: "container", Netns: c.Path, IfName: "eth0",
				Config: fmt.Sprintf(`{"cniVersion": %q, "name": "net", "type": %q, %s}`, latest, test.plugin, test.config),
			}
			if test.plugin == "tuning" {
				call.IfName = "lo"
			}
			out := n.Run(t, "ADD", call)
			if err := out.Err(); err != nil {
				t.Fatal(err)
			}
			if got := string(out.Stderr); got != test.want {
				t.Errorf("standard error is\n%s, want\n%s", got, test.want)
			}
		})
	}
}
