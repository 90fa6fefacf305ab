package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// reachesAs sends one packet from another address than the container's own.
func reachesAs(t *testing.T, c *node.Container, source, address string) bool {
	t.Helper()
	c.Exec(t, "ip", "addr", "add", source, "dev", "eth0", "nodad")
	defer c.Exec(t, "ip", "addr", "del", source, "dev", "eth0")
	source, _, _ = strings.Cut(source, "/")
	return c.Exec(t, "sh", "-c", "ping -n -c1 -W2 -I "+source+" "+address+" >/dev/null 2>&1 && echo yes || true") == "yes\n"
}

// A container reaches everybody in its own name, and nobody in another one.
func TestBridgeSpoofing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		keys        string
		macs, addrs bool // are checked
	}{
		"no check":       {},
		"macspoofchk":    {keys: `"macspoofchk": true, `, macs: true},
		"ipspoofchk":     {keys: `"ipspoofchk": true, `, macs: true, addrs: true},
		"with detection": {keys: `"macspoofchk": true, "ipspoofchk": true, "enabledad": true, `, macs: true, addrs: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			other, c := n.Container(t, "other"), n.Container(t, "c")
			targets := addresses(add(t, n, bridgeCall(other, gateway+test.keys+bridged)))
			before := n.State(t, c)
			call := bridgeCall(c, gateway+test.keys+bridged)
			result := n.Must(t, "ADD", call)
			mac := strings.TrimSpace(c.Exec(t, "sh", "-c", "ip -br link show eth0 | awk '{print $3}'"))
			for _, target := range append(targets, "10.1.2.1", "fd00:1:2::1") {
				if !reaches(t, c, target) {
					t.Errorf("%s does not answer", target)
				}
			}
			for source, target := range map[string]string{"10.1.2.99/24": targets[0], "fd00:1:2::99/64": targets[1]} {
				if reachesAs(t, c, source, target) == test.addrs {
					t.Errorf("%s answers %s: %v", target, source, !test.addrs)
				}
			}
			c.Exec(t, "ip", "link", "set", "eth0", "address", "02:00:00:00:00:99")
			for _, target := range targets {
				if reaches(t, c, target) == test.macs {
					t.Errorf("%s answers another hardware address: %v", target, !test.macs)
				}
			}
			c.Exec(t, "ip", "link", "set", "eth0", "address", mac)
			n.Must(t, "CHECK", call.With("prevResult", result))
			n.Must(t, "DEL", call)
			if diff := hoststate.Diff(before, n.State(t, c), node.Lasting(), late()); diff != "" {
				t.Errorf("after DEL:\n%s", diff)
			}
		})
	}
}

// CHECK finds out that frames in the name of others would pass, or none at all.
func TestBridgeSpoofingCheck(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{"macs": " and addresses", "ipv4": "10.1.2.2", "ipv6": "fd00:1:2::2"} {
		n := node.New(t)
		call := bridgeCall(n.Container(t, "c"), gateway+`"ipspoofchk": true, `+bridged)
		call = call.With("prevResult", n.Must(t, "ADD", call))
		n.Exec(t, "nft", "flush", "set", "bridge", "cni_plugins_spoof", set)
		err := n.Run(t, "CHECK", call).Err()
		if err == nil || !strings.Contains(err.Error(), "not in the ruleset: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", set, err)
		}
		n.Must(t, "DEL", call)
		if list := n.Exec(t, "nft", "list", "ruleset"); strings.Contains(list, "elements") {
			t.Errorf("without %s, after DEL:\n%s", set, list)
		}
	}
}

// Many containers come and go, at once and without their namespaces, and what
// they may send goes with them.
func TestBridgeSpoofingCycles(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	const keys = gateway + `"ipspoofchk": true, "ipMasq": true, "ipMasqBackend": "nftables", `
	lasting := bridgeCall(n.Container(t, "lasting"), keys+bridged)
	gone := bridgeCall(n.Container(t, "gone"), keys+bridged)
	result := n.Must(t, "ADD", lasting)
	before := n.State(t)
	for range 2 {
		var calls []node.Call
		for i := range 50 {
			calls = append(calls, bridgeCall(n.Container(t, fmt.Sprint("c", i)), keys+bridged))
		}
		for i, out := range atOnce(t, n, "ADD", calls) {
			calls[i] = calls[i].With("prevResult", out.Stdout)
		}
		atOnce(t, n, "CHECK", calls)
		for i := range calls {
			n.Exec(t, "ip", "netns", "del", fmt.Sprint("c", i))
			calls[i].Netns, calls[i].Env = "", []string{"CNI_NETNS="}
		}
		atOnce(t, n, "DEL", calls)
		if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late()); diff != "" {
			t.Fatalf("after DEL:\n%s", diff)
		}
	}
	n.Must(t, "CHECK", lasting.With("prevResult", result))
	n.Must(t, "ADD", gone)
	list := fmt.Appendf(nil, `[{"containerID": %q, "ifname": "eth0"}]`, lasting.ContainerID)
	n.Must(t, "GC", node.Call{Plugin: "bridge", Config: lasting.With("cni.dev/valid-attachments", list).Config})
	if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late()); diff != "" {
		t.Errorf("after GC:\n%s", diff)
	}
}
