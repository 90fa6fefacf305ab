package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// newReadOnly makes a node on which /proc/sys is read-only, as in a nested or rootless
// runtime, and a container on it. Before that, the shell command is run on both.
func newReadOnly(t *testing.T, command string) (*node.Node, *node.Container) {
	t.Helper()
	n := node.New(t)
	const ipv6 = "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0; "
	c := n.Container(t, "c")
	n.Exec(t, "sh", "-ec", ipv6+command)
	c.Exec(t, "sh", "-ec", ipv6)
	lockSysctls(t, n)
	return n, c
}

// lockSysctls makes /proc/sys read-only on a node.
func lockSysctls(t *testing.T, n *node.Node) {
	t.Helper()
	n.Exec(t, "sh", "-ec", "mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys")
}

const forwarding = "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"

// On a node that forwards packets already, all works with a read-only /proc/sys.
func TestReadOnlySysctls(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]string{
		"bridge":            gateway + bridged,
		"bridge, IPv4":      gateway + bridgeV4,
		"bridge, two IPv6":  bridgeV6,
		"bridge, layer 2":   `"mtu": 1400`,
		"ptp":               bridged,
		"ptp, IPv4":         bridgeV4,
		"ptp, masqueraded":  `"ipMasq": true, ` + bridged,
		"bridge, no spoofs": `"macspoofchk": true, "ipspoofchk": true, ` + gateway + bridged,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, c := newReadOnly(t, forwarding)
			call := bridgeCall(c, keys)
			call.Plugin, _, _ = strings.Cut(name, ",")
			n.Must(t, "ADD", call)
			n.Must(t, "DEL", call)
			before := n.State(t, c)
			result := add(t, n, call)
			for _, ip := range result.IPs {
				if ip.Gateway != nil && !reaches(t, c, ip.Gateway.String()) && (call.Plugin == "ptp" || strings.Contains(keys, gateway)) {
					t.Errorf("the gateway %v does not answer", ip.Gateway)
				}
			}
			raw, err := json.Marshal(result)
			if err != nil {
				t.Fatal(err)
			}
			n.Must(t, "CHECK", call.With("prevResult", raw))
			n.Must(t, "DEL", call)
			expectRestored(t, n, before, "after DEL", c)
		})
	}
}

// What an attachment needs and /proc/sys does not give it is an error that says what
// to set; what it does not need is a line on standard error.
func TestReadOnlySysctlsThatMatter(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ plugin, keys, prepare, missing, value string }{
		{"bridge", gateway + bridgeV4, "true", "net/ipv4/ip_forward", "1"},
		{"ptp", bridgeV4, "true", "net/ipv4/ip_forward", "1"},
		{"bridge", gateway + bridgeV6, "sysctl -qw net.ipv6.conf.default.accept_ra=0", "net/ipv6/conf/all/forwarding", "1"},
		{"bridge", bridgeV6, "true", "accept_ra", "0"},
		{"ptp", bridgeV6, "sysctl -qw net.ipv4.ip_forward=1", "accept_ra", "0"},
		{"bridge", `"disableIPv6": true`, "true", "net/ipv6/conf/br0/disable_ipv6", "1"},
		{"bridge", `"acceptRA": false`, "true", "net/ipv6/conf/eth0/accept_ra", "0"},
	} {
		t.Run(test.plugin+" "+test.missing, func(t *testing.T) {
			t.Parallel()
			n, c := newReadOnly(t, test.prepare)
			before := n.State(t, c)
			call := bridgeCall(c, test.keys)
			call.Plugin = test.plugin
			err := n.Run(t, "ADD", call).Err()
			if !node.IsError(err) || !strings.Contains(err.Error(), test.missing) || !strings.Contains(err.Error(), fmt.Sprintf("to %q: ", test.value)) {
				t.Errorf("ADD: error %v, want one about setting %s to %s", err, test.missing, test.value)
			}
			expectRestored(t, n, before, "after ADD", c)
		})
	}
	for _, keys := range []string{`"mtu": 1400`, bridgeV4} {
		n, c := newReadOnly(t, "true")
		out := n.Run(t, "ADD", bridgeCall(c, keys))
		if err := out.Err(); err != nil || !strings.Contains(string(out.Stderr), "router advertisements") {
			t.Errorf("without forwarding: %v, standard error: %s", err, out.Stderr)
		}
	}
}

// A port of the host leads to the container although a connection to 127.0.0.1 cannot,
// unless somebody has asked for that one.
func TestReadOnlySysctlsOfPortmap(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s := newStreet(t)
		lockSysctls(t, s.Node)
		s.one.serve(t, "one", "tcp", ":80")
		call := func(more string) node.Call {
			return portmapCall("one", fmt.Sprintf(`"backend": %q`, backend),
				`{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"`+more+`}`, oneV4+"/24", oneV6+"/64")
		}
		err := s.Run(t, "ADD", call(`, "hostIP": "127.0.0.1"`)).Err()
		if !node.IsError(err) || !strings.Contains(err.Error(), `/route_localnet to "1": `) {
			t.Errorf("ADD of a port of 127.0.0.1: %v", err)
		}
		s.Must(t, "ADD", call(""))
		expect(t, "from outside", s.outside, "tcp", hostV4+":8080", "one")
		expect(t, "from outside", s.outside, "tcp", "["+hostV6+"]:8080", "one")
		s.Must(t, "CHECK", call(""))
		s.Must(t, "DEL", call(""))
		expect(t, "after DEL", s.outside, "tcp", hostV4+":8080", "")
		expect(t, "after DEL", s.outside, "tcp", "["+hostV6+"]:8080", "")
	})
}
