package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// flushes are the ways in which somebody takes rules away that are not his.
var flushes = map[string][]string{
	"iptables": {
		"iptables -F; iptables -t nat -F; ip6tables -F; ip6tables -t nat -F",
		"iptables -F; iptables -t nat -F; iptables -X; iptables -t nat -X; ip6tables -F; ip6tables -t nat -F; ip6tables -X; ip6tables -t nat -X",
		"for f in iptables ip6tables; do for t in filter nat; do printf '*%s\nCOMMIT\n' $t | $f-restore; done; done",
		"nft flush ruleset",
	},
	"nftables": {
		"nft flush ruleset",
		"for t in portmap firewall masquerade; do nft delete table inet cni_plugins_$t 2>/dev/null || true; done; nft delete table bridge cni_plugins_spoof 2>/dev/null || true",
		"for t in portmap firewall masquerade; do nft flush table inet cni_plugins_$t 2>/dev/null || true; done; nft flush table bridge cni_plugins_spoof 2>/dev/null || true",
	},
}

// pluginPath returns the path of a plugin's binary.
func pluginPath(t *testing.T, plugin string) string {
	t.Helper()
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(bin, plugin)
}

// repair runs a plugin's command repair, and returns what it says.
func repair(t *testing.T, n *node.Node, plugin string) string {
	t.Helper()
	return n.Exec(t, pluginPath(t, plugin), "repair")
}

const nothingMissing = "nothing was missing\n"

// eachFlush flushes in each way, has looked at what is lost and what comes back,
// and expects a second repair to change nothing.
func eachFlush(t *testing.T, n *node.Node, backend, plugin string, look func(when string, lost bool)) {
	t.Helper()
	before := takeFirewallState(t, n)
	if said := repair(t, n, plugin); said != nothingMissing {
		t.Errorf("repair with nothing to do says %q", said)
	}
	before.expect(t, n, "repair with nothing to do")
	look("at first", false)
	for _, how := range flushes[backend] {
		n.Exec(t, "sh", "-ec", how)
		look("after "+how, true)
		for _, when := range []string{"after repair of ", "after another repair of "} {
			said := repair(t, n, plugin)
			if (said == nothingMissing) != strings.Contains(when, "another") {
				t.Errorf("%s%s: %q", when, how, said)
			}
			before.expect(t, n, when+how)
		}
		look("after repair of "+how, false)
	}
}

// Ports lead to their containers again after a repair.
func TestRepairPortmap(t *testing.T) {
	t.Parallel()
	const conditions = `{"hostPort": 8085, "containerPort": 80, "protocol": "tcp"}`
	for backend, from := range map[string]string{
		"iptables": `, "conditionsV4": ["-s", "192.0.2.2"], "conditionsV6": ["-s", "2001:db8::2"]`,
		"nftables": `, "conditionsV4": ["ip", "saddr", "192.0.2.2"], "conditionsV6": ["ip6", "saddr", "2001:db8::2"]`,
	} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			s := newStreet(t)
			s.one.serve(t, "one", "tcp", ":80")
			s.one.serve(t, "one", "udp4", "10.50.0.2:53")
			s.two.serve(t, "two", "tcp", ":80")
			s.host.serve(t, "host", "udp", ":8053")
			s.host.serve(t, "secret", "tcp4", "127.0.0.1:7777")
			s.Exec(t, "sh", "-ec", `
				ip -n two addr flush dev lo
				ip netns exec two sysctl -qw net.ipv4.conf.all.route_localnet=1
				ip -n two addr add 10.50.0.4/24 dev eth0
				ip -n two addr add fd50::4/64 dev eth0 nodad
				ip -n two route add 127.0.0.1/32 via 10.50.0.1`)
			one := portmapCall("one", backendKey(backend), trafficMappings, oneV4+"/24", oneV6+"/64")
			two := portmapCall("two", backendKey(backend)+ignoring+`, "markMasqBit": 7`, trafficMappings, twoV4+"/24", twoV6+"/64")
			conditional := portmapCall("conditional", backendKey(backend)+from, conditions, "10.50.0.4/24", "fd50::4/64")
			if backend == "nftables" {
				two = portmapCall("two", backendKey(backend)+ignoring, trafficMappings, twoV4+"/24", twoV6+"/64")
			}
			for _, call := range []node.Call{one, two, conditional} {
				s.Must(t, "ADD", call)
			}
			socket := s.outside.socket(t, "udp", hostV4+":8053")
			expectAll := func(when string, mapped, conditional, udp, guarded string) {
				t.Helper()
				expect(t, when, s.outside, "tcp", hostV4+":8080", mapped)
				expect(t, when, s.outside, "tcp", "["+hostV6+"]:8080", mapped)
				expect(t, when, s.host, "tcp", "127.0.0.1:8080", mapped)
				expect(t, when, s.outside, "tcp", hostV4+":8085", conditional)
				expect(t, when, s.outside, "tcp", "["+hostV6+"]:8085", conditional)
				expect(t, when, s.two, "tcp4", "127.0.0.1:7777", guarded)
				if answer, err := exchange(socket, patience); !strings.HasPrefix(answer, udp) {
					t.Errorf("%s: %q answers over UDP, want %s: %v", when, answer, udp, err)
				}
			}
			eachFlush(t, s.Node, backend, "portmap", func(when string, lost bool) {
				switch {
				case !lost:
					expectAll(when, "one", "two", "one", "")
				case backend == "nftables" || strings.Contains(when, "nft"):
					expectAll(when, "", "", "host", "secret")
				default: // the guard is in a table of nftables
					expectAll(when, "", "", "host", "")
				}
			})
			for _, call := range []node.Call{one, two, conditional} {
				s.Must(t, "CHECK", call)
				s.Must(t, "DEL", call)
			}
			after := takeFirewallState(t, s.Node)
			repair(t, s.Node, "portmap")
			after.expect(t, s.Node, "repair after the last DEL")
		})
	}
}

// Containers are let through and kept apart again after a repair.
func TestRepairFirewall(t *testing.T) {
	t.Parallel()
	for backend, drop := range map[string]struct{ on, off string }{
		"iptables": {"iptables -P FORWARD DROP; ip6tables -P FORWARD DROP", "iptables -P FORWARD ACCEPT; ip6tables -P FORWARD ACCEPT"},
		"nftables": {"nft add rule inet cni_plugins_firewall unmatched drop", "nft flush chain inet cni_plugins_firewall unmatched"},
	} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			outside := outsideOf(t, n)
			outside.Exec(t, "sh", "-ec", "ip route add default via 192.0.2.1; ip route add default via 2001:db8::1")
			keys := backendKey(backend) + `, "ingressPolicy": "same-bridge", "iptablesAdminChainName": "CNI-mine"`
			one, call := onBridge(t, n, "one", "br0", "1.2", keys)
			_, two := onBridge(t, n, "two", "br0", "1.2", strings.Replace(keys, "mine", "other", 1))
			onBridge(t, n, "other", "br1", "2.2", keys)
			n.Must(t, "ADD", two.With("name", []byte(`"again"`))) // the same address twice
			eachFlush(t, n, backend, "firewall", func(when string, lost bool) {
				if reaches(t, one, "10.2.2.2") != lost || reaches(t, one, "fd00:2:2::2") != lost {
					t.Errorf("%s: another bridge is not out of reach: %v", when, !lost)
				}
				if lost && backend == "nftables" {
					return // and with it the drop
				}
				n.Exec(t, "sh", "-ec", drop.on)
				if reaches(t, one, "192.0.2.2") == lost || reaches(t, one, "2001:db8::2") == lost || reaches(t, outside, "10.1.2.2") {
					t.Errorf("%s: what passes is not what it was", when)
				}
				n.Exec(t, "sh", "-ec", drop.off)
			})
			n.Must(t, "CHECK", call)
			n.Must(t, "DEL", two)
			after := takeFirewallState(t, n)
			repair(t, n, "firewall")
			after.expect(t, n, "after the DEL of one")
		})
	}
}

// Containers reach whom knows no way to them, by their host's address, again after a
// repair, and have to speak in their own name.
func TestRepairInterfaces(t *testing.T) {
	t.Parallel()
	for _, plugin := range []string{"bridge", "ptp"} {
		for _, backend := range kernelBackends {
			t.Run(plugin+" "+backend, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				outsideOf(t, n)
				c, other := n.Container(t, "c"), n.Container(t, "other")
				keys := fmt.Sprintf(`"ipMasq": true, "ipMasqBackend": %q, "ipspoofchk": true, `, backend) + bridged
				call := func(c *node.Container, ifName, keys string) node.Call {
					call := bridgeCall(c, keys).With("type", fmt.Appendf(nil, "%q", plugin))
					call.Plugin, call.IfName = plugin, ifName
					return call
				}
				routes := strings.Replace(keys, `]]}`, `]], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}`, 1)
				first := call(c, "eth0", `"isGateway": true, `+routes)
				result := n.Must(t, "ADD", first)
				if plugin == "ptp" { // has the gateway in the container's routes
					keys = strings.NewReplacer("10.1.2", "10.1.3", "fd00:1:2", "fd00:1:3").Replace(keys)
				}
				// Interfaces of a container in one network share a chain of iptables.
				n.Must(t, "ADD", call(c, "eth1", `"isGateway": true, "masqRandomFully": true, `+keys))
				n.Must(t, "ADD", call(other, "eth0", `"isGateway": true, `+routes))
				eachFlush(t, n, backend, plugin, func(when string, lost bool) {
					for _, address := range []string{"192.0.2.2", "2001:db8::2"} {
						if reaches(t, c, address) == lost || reaches(t, other, address) == lost {
							t.Errorf("%s: %s is reached: %v", when, address, lost)
						}
					}
					if plugin == "bridge" && backend == "nftables" && reachesAs(t, c, "10.1.2.99/24", "10.1.2.1") != lost {
						t.Errorf("%s: speaks in another name: %v", when, !lost)
					}
				})
				n.Must(t, "CHECK", first.With("prevResult", result))
				// A container that vanished without DEL is none to repair for.
				n.Must(t, "DEL", first)
				n.Exec(t, "ip", "link", "del", strings.Fields(n.Exec(t, "sh", "-ec", "ip -o link | grep 'id: other' | tr -d ':' | tr '@' ' '"))[1])
				n.Exec(t, "nft", "flush", "ruleset")
				repair(t, n, plugin)
				if rules := strings.Join(ruleset(t, n), "\n"); strings.Contains(rules, "other") || strings.Contains(rules, "eth0") || !strings.Contains(rules, "eth1") {
					t.Errorf("after the end of two:\n%s", rules)
				}
				n.Must(t, "GC", first.With("cni.dev/valid-attachments", []byte("[]")))
				repair(t, n, plugin)
				if files := n.Exec(t, "ls", "-A", "/run/cni/"+plugin); files != "" {
					t.Errorf("records that are left: %s", files)
				}
				if rules := strings.Join(ruleset(t, n), "\n"); strings.Contains(rules, "eth1") {
					t.Errorf("after GC:\n%s", rules)
				}
			})
		}
	}
}

// Whatever part is missing comes back where it was, and nothing else moves.
func TestRepairParts(t *testing.T) {
	t.Parallel()
	for plugin, damages := range map[string]map[string][]string{
		"portmap": {
			"iptables": {
				"iptables -t nat -D CNI-HOSTPORT-DNAT 1", // which is the older attachment's
				"iptables -t nat -F CNI-HOSTPORT-DNAT",
				"ip6tables -t nat -F $(ip6tables-save -t nat | sed -n 's/^:\\(CNI-DN-[^ ]*\\).*/\\1/p' | head -1)",
				"iptables -t nat -F OUTPUT; ip6tables -t nat -F POSTROUTING",
				"iptables -t nat -F CNI-HOSTPORT-MASQ",
				"nft flush chain inet cni_plugins_portmap guard",
			},
			"nftables": {
				"nft flush map inet cni_plugins_portmap ports4; nft flush set inet cni_plugins_portmap masquerade6_64",
				"nft delete element inet cni_plugins_portmap ports4 { tcp . 8080 }",
				"nft flush chain inet cni_plugins_portmap postrouting",
				"nft delete chain inet cni_plugins_portmap prerouting",
				"nft delete rule inet cni_plugins_portmap hostports handle $(nft -a list chain inet cni_plugins_portmap hostports | sed -n 's/.*hostip6.*handle //p')",
			},
		},
		"bridge": {
			"iptables": {
				"iptables -t nat -D POSTROUTING 1",
				"iptables -t nat -F $(iptables-save -t nat | sed -n 's/^:\\(CNI-[^ ]*\\).*/\\1/p' | head -1)",
				"nft flush chain bridge cni_plugins_spoof frames; nft flush set bridge cni_plugins_spoof macs",
			},
			"nftables": {
				"nft flush set inet cni_plugins_masquerade attachments",
				"nft flush set inet cni_plugins_masquerade ip_10.1.2.0/24",
				"nft flush chain inet cni_plugins_masquerade masq_checks",
				"nft delete rule inet cni_plugins_masquerade postrouting handle $(nft -a list chain inet cni_plugins_masquerade postrouting | sed -n 's/.*goto masq_checks.*handle //p')",
				"nft delete chain inet cni_plugins_masquerade postrouting",
				"nft flush set bridge cni_plugins_spoof attachments",
				"nft delete chain bridge cni_plugins_spoof prerouting",
			},
		},
	} {
		for backend, list := range damages {
			t.Run(plugin+" "+backend, func(t *testing.T) {
				t.Parallel()
				s := newStreet(t)
				s.Exec(t, "sh", "-ec", `echo 1 >/proc/sys/net/ipv6/conf/br0/keep_addr_on_down
					ip link set br0 down; ip link set br0 name street; ip link set street up`)
				for i := range 2 {
					c := s.Container(t, fmt.Sprint("c", i))
					call := bridgeCall(c, fmt.Sprintf(`"isGateway": true, "ipspoofchk": true, "ipMasq": true, "ipMasqBackend": %q, %s`, backend, bridged))
					if plugin == "portmap" {
						call = portmapCall(filepath.Base(c.Path), backendKey(backend)+ignoring, goldenMappings, fmt.Sprintf("10.50.0.%d/24", i+2), fmt.Sprintf("fd50::%d/64", i+2))
					}
					s.Must(t, "ADD", call)
				}
				before := takeFirewallState(t, s.Node)
				for _, damage := range list {
					s.Exec(t, "sh", "-ec", damage)
					if slices.Equal(before.rules, ruleset(t, s.Node)) {
						t.Errorf("%s does no damage", damage)
					}
					repair(t, s.Node, plugin)
					// Which of its jumps comes first means nothing for a masquerade.
					before.anyOrder = plugin == "bridge"
					before.expect(t, s.Node, "after repair of "+damage)
				}
			})
		}
	}
}

// What a mapping needs of somebody else, who has not made it again, is told about.
func TestRepairExternalChain(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	s.Exec(t, "iptables", "-t", "nat", "-N", "MARKED")
	marked := portmapCall("one", backendKey("iptables")+`, "externalSetMarkChain": "MARKED"`, goldenMappings, oneV4+"/24")
	other := portmapCall("two", backendKey("iptables"), `{"hostPort": 9090, "containerPort": 80, "protocol": "tcp"}`, twoV4+"/24")
	s.Must(t, "ADD", marked)
	s.Must(t, "ADD", other)
	s.Exec(t, "nft", "flush", "ruleset")
	_, err := s.Try(pluginPath(t, "portmap"), "repair")
	if want := "interface eth0 of container one in network pmnet: chain MARKED, to mark packets with, does not exist"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	s.Must(t, "CHECK", other)
	s.Exec(t, "iptables", "-t", "nat", "-N", "MARKED")
	repair(t, s.Node, "portmap")
	s.Must(t, "CHECK", marked)
}

// What a container had that is gone without a DEL, a repair removes.
func TestRepairForgetsTheDead(t *testing.T) {
	t.Parallel()
	for _, plugin := range []string{"bridge", "ptp"} {
		for _, backend := range []string{"iptables", "nftables"} {
			t.Run(plugin+" "+backend, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				call := func(name string, last int) node.Call {
					call := bridgeCall(n.Container(t, name), fmt.Sprintf(`"isGateway": true, "ipMasq": true, "ipMasqBackend": %q, "macspoofchk": %v,
						"ipam": {"type": "static", "addresses": [{"address": "10.1.2.%d/24", "gateway": "10.1.2.1"}]}`, backend, plugin == "bridge", last))
					call.Plugin = plugin
					return call.With("type", fmt.Appendf(nil, "%q", plugin))
				}
				living, dead := call("living", 2), call("dead", 3)
				result := n.Must(t, "ADD", living)
				rules := n.Exec(t, "nft", "-s", "list", "ruleset")
				n.Must(t, "ADD", dead)
				n.Exec(t, "sh", "-ec", "ip -n dead link del eth0; ip netns del dead")
				repair(t, n, plugin)
				if diff := cmp.Diff(rules, n.Exec(t, "nft", "-s", "list", "ruleset")); diff != "" {
					t.Errorf("rules (-before +after):\n%s", diff)
				}
				if records := n.Exec(t, "ls", "/run/cni/"+plugin); strings.Count(records, "\n") != 1 {
					t.Errorf("records:\n%s", records)
				}
				n.Must(t, "CHECK", living.With("prevResult", result))
			})
		}
	}
}
