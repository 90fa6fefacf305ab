package integration

import (
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// An MTU that is too small for IPv6 is an error that says so, and one that suffices for
// IPv4 is none.
func TestMTUTooSmallForIPv6(t *testing.T) {
	t.Parallel()
	const small = `"mtu": 1279, `
	later := `"ipam": {"type": "static"}, "runtimeConfig": {"ips": ["fd00:1:2::5/64"]}`
	for name, test := range map[string]struct {
		host string
		call func(c *node.Container, ipam string) node.Call
	}{
		"bridge": {call: func(c *node.Container, ipam string) node.Call { return bridgeCall(c, small+ipam) }},
		"bridge that is there": {host: "ip link add br0 address 02:00:00:00:00:01 type bridge; sysctl -qw net/ipv6/conf/br0/disable_ipv6=1; ip link set br0 mtu 1279 up",
			call: func(c *node.Container, ipam string) node.Call { return bridgeCall(c, gateway+ipam) }},
		"ptp": {call: func(c *node.Container, ipam string) node.Call {
			call := bridgeCall(c, small+ipam)
			call.Plugin = "ptp"
			return call
		}},
		"tap":     {call: func(c *node.Container, ipam string) node.Call { return endpointCall("tap", c, small+ipam) }},
		"macvlan": {host: wire, call: func(c *node.Container, ipam string) node.Call { return childCall("macvlan", c, small+ipam) }},
		"macvlan's master": {host: wire + "\nip link set uplink mtu 1279",
			call: func(c *node.Container, ipam string) node.Call {
				return childCall("macvlan", c, `"mode": "bridge", `+ipam)
			}},
		"host-device": {host: devices("c") + "; ip link set nic-c mtu 1279",
			call: func(c *node.Container, ipam string) node.Call {
				return lendable{container: c}.call(byName + ", " + ipam)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			n.Exec(t, "sh", "-ec", test.host+"\ntrue")
			c := n.Container(t, "c")
			before := n.State(t, c)
			for _, ipam := range []string{bridged, later} {
				err := n.Run(t, "ADD", test.call(c, ipam)).Err()
				if !node.IsError(err) || !strings.Contains(err.Error(), "MTU 1279 is too small for fd00:1:2::") || !strings.Contains(err.Error(), "IPv6 needs at least 1280") {
					t.Errorf("ADD: %v", err)
				}
				expectRestored(t, n, before, "after ADD", c)
			}
			n.Must(t, "ADD", test.call(c, bridgeV4))
			n.Must(t, "DEL", test.call(c, bridgeV4))
		})
	}
}

// tuning does not take the IPv6 addresses away that the interface has by the result.
func TestTunedMTUTooSmallForIPv6(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := tunable(t, n, "c")
	before := n.State(t, c)
	call := tuningCall(c, `"mtu": 1279`)
	const result = `{"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/c"}], "ips": [{"address": "fd00:1:2::3/64", "interface": 0}]}`
	err := n.Run(t, "ADD", call.With("prevResult", []byte(result))).Err()
	if want := "MTU 1279 is too small for fd00:1:2::3/64: IPv6 needs at least 1280"; !node.IsError(err) || err.Error() != want {
		t.Errorf("ADD: got %v, want %s", err, want)
	}
	expectRestored(t, n, before, "after ADD", c)
	n.Must(t, "ADD", call)
	n.Must(t, "DEL", call)
}
