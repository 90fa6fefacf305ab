package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// savedAndRestored writes the ruleset and reads it back, as a reload of the service
// nftables does where the administrator keeps what there is. Comments of iptables and its
// matches are gone then.
const savedAndRestored = "nft list ruleset > /run/ruleset; nft flush ruleset; nft -f /run/ruleset; rm /run/ruleset"

// sharedTableCalls are the plugins whose rules are in tables that others share, each for a
// container with an address of its own.
func sharedTableCalls(t *testing.T, n *node.Node, backend string) map[string]func(name string, last int) node.Call {
	t.Helper()
	n.Exec(t, "sh", "-ec", "ip link add br0 type bridge; ip addr add 10.50.0.1/24 dev br0; ip link set br0 up")
	key := backendKey(backend)
	addresses := func(last int) []string {
		return []string{fmt.Sprintf("10.50.0.%d/24", last), fmt.Sprintf("fd50::%d/64", last)}
	}
	return map[string]func(string, int) node.Call{
		"portmap": func(name string, last int) node.Call {
			mappings := fmt.Sprintf(`{"hostPort": %d, "containerPort": 80, "protocol": "tcp"}, {"hostPort": %d, "containerPort": 81, "protocol": "tcp"},
				{"hostPort": %d, "containerPort": 53, "protocol": "udp", "hostIP": "10.50.0.1"}`, 8000+last, 8100+last, 8200+last)
			return portmapCall(name, key, mappings, addresses(last)[:1]...)
		},
		"firewall": func(name string, last int) node.Call {
			return firewallCall(name, key+`, "ingressPolicy": "same-bridge"`, addresses(last)...)
		},
		"bridge": func(name string, last int) node.Call {
			return bridgeCall(&node.Container{Path: "/run/netns/" + name}, fmt.Sprintf(`"isGateway": true, "ipMasq": true, "ipMasqBackend": %q, "ipam": {"type": "static", "addresses": [
				{"address": "10.51.0.%d/24", "gateway": "10.51.0.1"}]}`, backend, last)).With("bridge", []byte(`"br1"`))
		},
		"ptp": func(name string, last int) node.Call {
			return childCall("ptp", &node.Container{Path: "/run/netns/" + name}, fmt.Sprintf(`"ipMasq": true, "ipMasqBackend": %q, "ipam": {"type": "static", "addresses": [
				{"address": "10.52.0.%d/24", "gateway": "10.52.0.1"}]}`, backend, last))
		},
	}
}

func makesInterfaces(plugin string) bool { return plugin == "bridge" || plugin == "ptp" }

// savedAndRestoredLegacy does the same with the tools of iptables' legacy variant.
const savedAndRestoredLegacy = `for f in iptables ip6tables; do
	$f-legacy-save > /run/ruleset; $f-legacy-restore < /run/ruleset; rm /run/ruleset
done; ` + savedAndRestored

// Between every two verbs somebody writes the ruleset and reads it back: nothing is lost,
// nothing is left, and nobody notices.
func TestSavedAndRestored(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"iptables", "iptables-legacy", "nftables"} {
		for _, plugin := range []string{"portmap", "firewall", "bridge", "ptp"} {
			t.Run(plugin+" "+variant, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				backend, path, saved := variant, os.Getenv("PATH"), savedAndRestored
				if variant == "iptables-legacy" {
					backend, path, saved = "iptables", toolsOf(t, n, "legacy")+":"+path, savedAndRestoredLegacy
				}
				calls := sharedTableCalls(t, n, backend)
				call := func(name string, last int) node.Call {
					n.Container(t, name)
					call := calls[plugin](name, last)
					call.Env = []string{"PATH=" + path}
					return call
				}
				zero, one, two := call("zero", 2), call("one", 3), call("two", 4)
				restore := func() { n.Exec(t, "sh", "-ec", saved) }
				ruleset := func() string {
					return n.Exec(t, "sh", "-ec", "nft -s list ruleset; iptables-legacy-save | grep ^-A || true")
				}
				add := func(c node.Call) node.Call {
					result := n.Must(t, "ADD", c)
					restore()
					if makesInterfaces(plugin) {
						return c.With("prevResult", result)
					}
					return c
				}
				zero = add(zero)
				n.Must(t, "DEL", zero)
				restore()
				before, rules := n.State(t), ruleset()
				one, two = add(one), add(two)
				for _, c := range []node.Call{one, two} {
					n.Must(t, "CHECK", c)
				}
				n.Must(t, "", node.Call{Plugin: plugin, Command: "repair", Env: one.Env})
				restore()
				n.Must(t, "CHECK", one)
				n.Must(t, "DEL", one)
				restore()
				n.Must(t, "CHECK", two)
				n.Must(t, "DEL", one)
				restore()
				n.Must(t, "GC", two.With("cni.dev/valid-attachments", []byte("[]")))
				n.Must(t, "DEL", two)
				restore()
				if diff := cmp.Diff(rules, ruleset()); diff != "" {
					t.Errorf("after all, rules (-before +after):\n%s", diff)
				}
				if diff := hoststate.Diff(before, n.State(t), notRestored(), node.Lasting()); diff != "" {
					t.Errorf("after all:\n%s", diff)
				}
			})
		}
	}
}

// What upstream's ADD made is checked and removed also after the ruleset was written and
// read back, and what ours made goes by our DEL after upstream's could not find it.
func TestSavedAndRestoredOfUpstream(t *testing.T) {
	t.Parallel()
	for _, plugin := range []string{"portmap", "firewall", "bridge", "ptp"} {
		for _, adds := range []string{"upstream's", "ours"} {
			t.Run(plugin+" "+adds+" ADD", func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				calls := sharedTableCalls(t, n, "iptables")
				n.Container(t, "one")
				restore := func() { n.Exec(t, "sh", "-ec", savedAndRestored) }
				ours, theirs := upstreams(t, calls[plugin]("one", 3).With("removeEmptyBridge", nil))
				first := theirs
				if adds == "ours" {
					first = ours
				}
				result := n.Must(t, "ADD", first)
				if makesInterfaces(plugin) {
					ours, theirs = ours.With("prevResult", result), theirs.With("prevResult", result)
				}
				restore()
				n.Must(t, "CHECK", ours)
				if adds == "ours" {
					// It may fail, and leaves what it does not recognise.
					n.Run(t, "DEL", theirs)
				}
				n.Must(t, "DEL", ours)
				rules := n.Exec(t, "nft", "list", "ruleset")
				for _, trace := range []string{"10.50.0.3", "10.51.0.3", "10.52.0.3", "fd50::3", "8003", "CNI-DN-"} {
					if strings.Contains(rules, trace) {
						t.Errorf("%s is left:\n%s", trace, rules)
					}
				}
			})
		}
	}
}

// Packets go where they went before the ruleset was written and read back: to the port of a
// host that forwards nothing else, and out of it by the host's address. After DEL they do
// not, whatever is read back then.
func TestSavedAndRestoredTraffic(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"iptables", "iptables-legacy", "nftables"} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			s := newStreet(t)
			backend, path, saved := variant, os.Getenv("PATH"), savedAndRestored
			if variant == "iptables-legacy" {
				backend, path, saved = "iptables", toolsOf(t, s.Node, "legacy")+":"+path, savedAndRestoredLegacy
			}
			s.Exec(t, "sh", "-ec", `ip -n one link del eth0
				nft -f - <<-END
					table inet administrator {
						chain forward {
							type filter hook forward priority 10; policy drop;
							ct status dnat accept
							ct state established,related accept
							iifname "br1" oifname "cable" accept
						}
					}
				END`)
			ask := func(when, port, source string) {
				t.Helper()
				expect(t, when+", to the port", s.outside, "tcp4", hostV4+":8080", port)
				if source != "" {
					expect(t, when+", from the container", s.one, "tcp4", outsideV4+":80", source)
				}
			}
			calls := []node.Call{
				bridgeCall(&node.Container{Path: "/run/netns/one"}, fmt.Sprintf(`"isGateway": true, "ipMasq": true, "ipMasqBackend": %q, "ipam": {"type": "static",
					"addresses": [{"address": "10.51.0.3/24", "gateway": "10.51.0.1"}], "routes": [{"dst": "0.0.0.0/0"}]}`, backend)).With("bridge", []byte(`"br1"`)),
				portmapCall("one", backendKey(backend), `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}`, "10.51.0.3/24"),
				firewallCall("one", backendKey(backend), "10.51.0.3/24"),
			}
			for i := range calls {
				calls[i].Env = []string{"PATH=" + path}
				s.Must(t, "ADD", calls[i])
			}
			s.one.serve(t, "one", "tcp4", ":80")
			s.outside.serve(t, "outside", "tcp4", ":80")
			ask("before", "one", "outside "+hostV4)
			for range 2 {
				s.Exec(t, "sh", "-ec", saved)
				ask("after", "one", "outside "+hostV4)
			}
			for i := range calls {
				s.Must(t, "DEL", calls[len(calls)-1-i])
				s.Exec(t, "sh", "-ec", saved)
			}
			ask("after DEL", "", "")
		})
	}
}
