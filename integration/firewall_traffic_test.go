package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// onBridge runs bridge and firewall for a new container, and returns the call of
// firewall.
func onBridge(t *testing.T, n *node.Node, name, bridge, subnet, keys string) (*node.Container, node.Call) {
	t.Helper()
	c := n.Container(t, name)
	call := bridgeCall(c, fmt.Sprintf(`%s"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.%s.0/24"}], [{"subnet": "fd00:%s::/64"}]],
		"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}`, gateway, subnet, strings.ReplaceAll(subnet, ".", ":")))
	call = call.With("bridge", fmt.Appendf(nil, "%q", bridge)).With("name", fmt.Appendf(nil, "%q", "net-"+bridge))
	result := n.Must(t, "ADD", call)
	firewall := firewallCall(name, keys).With("prevResult", result).With("name", fmt.Appendf(nil, "%q", "net-"+bridge))
	n.Must(t, "ADD", firewall)
	return c, firewall
}

// outsideOf makes a namespace at the other end of a cable, 192.0.2.2 and 2001:db8::2,
// that knows no way to containers.
func outsideOf(t *testing.T, n *node.Node) *node.Container {
	t.Helper()
	outside := n.Container(t, "outside")
	n.Exec(t, "sh", "-ec", `ip link add out type veth peer name eth0 netns outside
		ip addr add 192.0.2.1/24 dev out; ip addr add 2001:db8::1/64 nodad dev out; ip link set out up
		ip -n outside addr add 192.0.2.2/24 dev eth0; ip -n outside addr add 2001:db8::2/64 nodad dev eth0; ip -n outside link set eth0 up
		timeout 30 sh -c 'until ping -qc1 -w2 2001:db8::2 >/dev/null; do :; done' `) // once both ends have their link-local addresses
	return outside
}

// A host that drops what it is to forward lets through what comes from a
// container, and the answers, as long as the container is there.
func TestFirewallTraffic(t *testing.T) {
	t.Parallel()
	for backend, drop := range droppingForward {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			outside := outsideOf(t, n)
			outside.Exec(t, "sh", "-ec", "ip route add default via 192.0.2.1; ip route add default via 2001:db8::1")
			c, call := onBridge(t, n, "c", "br0", "1.2", backendKey(backend))
			n.Exec(t, "sh", "-ec", drop)
			passes := func() string {
				return fmt.Sprint(reaches(t, c, "192.0.2.2"), reaches(t, c, "2001:db8::2"), reaches(t, outside, "10.1.2.2"), reaches(t, outside, "fd00:1:2::2"))
			}
			const open, closed = "true true false false", "false false false false"
			if got := passes(); got != open {
				t.Errorf("after ADD: %s", got)
			}
			n.Must(t, "DEL", call)
			if got := passes(); got != closed {
				t.Errorf("after DEL: %s", got)
			}
			n.Must(t, "ADD", call)
			if got := passes(); got != open {
				t.Errorf("after the next ADD: %s", got)
			}
		})
	}
}

// What the administrator decides comes before the containers' rules.
func TestFirewallAdmin(t *testing.T) {
	t.Parallel()
	for backend, reject := range map[string]string{
		"iptables": "iptables -A CNI-mine -d 10.2.2.0/24 -j DROP; ip6tables -A CNI-mine -d fd00:2:2::/64 -j DROP",
		"nftables": "nft add rule inet cni_plugins_firewall admin ip daddr 10.2.2.0/24 drop; nft add rule inet cni_plugins_firewall admin ip6 daddr fd00:2:2::/64 drop",
	} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			keys := backendKey(backend) + `, "iptablesAdminChainName": "CNI-mine"`
			one, _ := onBridge(t, n, "one", "br0", "1.2", keys)
			onBridge(t, n, "two", "br1", "2.2", keys)
			if !reaches(t, one, "10.2.2.2") || !reaches(t, one, "fd00:2:2::2") {
				t.Error("nothing passes")
			}
			n.Exec(t, "sh", "-ec", reject)
			if reaches(t, one, "10.2.2.2") || reaches(t, one, "fd00:2:2::2") {
				t.Error("the administrator's rule does not hold")
			}
		})
	}
}

// Containers of one bridge reach each other with the policy same-bridge, and
// nobody with isolated; containers of other bridges are out of reach with both,
// until the policy is switched off.
func TestFirewallIsolation(t *testing.T) {
	t.Parallel()
	for _, backend := range kernelBackends {
		for policy, within := range map[string]bool{"same-bridge": true, "isolated": false} {
			t.Run(backend+" "+policy, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				n.Exec(t, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1")
				keys := backendKey(backend) + fmt.Sprintf(`, "ingressPolicy": %q`, policy)
				one, call := onBridge(t, n, "one", "br0", "1.2", keys)
				two, _ := onBridge(t, n, "two", "br0", "1.2", keys)
				other, _ := onBridge(t, n, "other", "br1", "2.2", keys)
				for _, way := range []struct {
					from   *node.Container
					to     string
					passes bool
				}{
					{one, "10.1.2.3", within}, {two, "fd00:1:2::2", within},
					{one, "10.2.2.2", false}, {one, "fd00:2:2::2", false}, {other, "10.1.2.2", false}, {other, "fd00:1:2::3", false},
					{one, "10.1.2.1", true}, {other, "fd00:2:2::1", true},
				} {
					if got := reaches(t, way.from, way.to); got != way.passes {
						t.Errorf("%s reaches %s: %v", way.from.Path, way.to, got)
					}
				}
				n.Must(t, "ADD", call.With("ingressPolicy", []byte(`"open"`)))
				if !reaches(t, one, "10.1.2.3") || !reaches(t, one, "10.2.2.2") || !reaches(t, one, "fd00:2:2::2") {
					t.Error("stricter than the last policy")
				}
			})
		}
	}
}

// A container that is gone without a DEL of this plugin is forgotten by the ADD of the
// next one with its address, or by a repair, and nothing of it is left behind.
func TestFirewallOfVanished(t *testing.T) {
	for what, vanish := range map[string]string{"interface": "ip -n one link del eth0", "namespace": "ip netns del one"} {
		for _, by := range []string{"ADD", "repair", "GC"} {
			t.Run(what+", "+by, func(t *testing.T) {
				eachBackend(t, func(t *testing.T, backend string) {
					n := node.New(t)
					n.Container(t, "one")
					n.Container(t, "two")
					n.Exec(t, "sh", "-ec", "ip link add port1 type veth peer name eth0 netns one; ip link add port2 type veth peer name eth0 netns two")
					call := func(name string) node.Call {
						call := firewallCall(name, backendKey(backend)+`, "ingressPolicy": "same-bridge"`, "10.50.0.2/24", "fd50::2/64")
						call.Netns = "/run/netns/" + name
						return call
					}
					one, two := call("one"), call("two")
					n.Must(t, "ADD", two)
					n.Must(t, "DEL", two)
					rules := ruleset(t, n)
					n.Must(t, "ADD", one)
					n.Exec(t, "sh", "-ec", vanish)
					switch by {
					case "ADD":
						n.Must(t, "ADD", two)
						n.Must(t, "CHECK", two)
						n.Must(t, "DEL", two)
					case "repair":
						n.Must(t, "", node.Call{Plugin: "firewall", Command: "repair"})
					case "GC":
						n.Must(t, "GC", two.With("cni.dev/valid-attachments", []byte(`[{"containerID": "one", "ifname": "eth0"}]`)))
					}
					if diff := cmp.Diff(rules, ruleset(t, n)); diff != "" {
						t.Errorf("rules (-before +after):\n%s", diff)
					}
					if left := n.Exec(t, "find", "/run/cni/firewall", "-type", "f", "!", "-name", "lock"); left != "" {
						t.Errorf("left:\n%s", left)
					}
				})
			})
		}
	}
}

// On a bridge that ours has isolated and to which upstream's has added a container, the
// policy lasts as long as one of them is there, whoever's it is, and no longer.
func TestFirewallIsolationOfUpstream(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1")
	keys := backendKey("iptables") + `, "ingressPolicy": "same-bridge"`
	other, _ := onBridge(t, n, "other", "br1", "2.2", keys)
	_, one := onBridge(t, n, "one", "br0", "1.2", keys)
	_, two := onBridge(t, n, "two", "br0", "1.2", keys)
	n.Must(t, "DEL", two)
	two, theirs := upstreams(t, two)
	n.Must(t, "ADD", theirs)
	expectReach := func(when string, want bool) {
		t.Helper()
		for _, to := range []string{"10.1.2.3", "fd00:1:2::3"} {
			if got := reaches(t, other, to); got != want {
				t.Errorf("%s, from the other bridge %s is reached: %v", when, to, got)
			}
		}
	}
	n.Must(t, "CHECK", one)
	n.Must(t, "CHECK", two)
	expectReach("with both", false)
	n.Must(t, "DEL", one)
	n.Must(t, "CHECK", two)
	expectReach("with upstream's", false)
	n.Must(t, "DEL", two)
	expectReach("with none", true)
}
