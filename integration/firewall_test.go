package integration

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// kernelBackends are the backends of firewall and portmap that need no daemon.
var kernelBackends = []string{"iptables", "nftables"}

// eachBackend runs a test for each of kernelBackends in parallel.
func eachBackend(t *testing.T, test func(t *testing.T, backend string)) {
	t.Parallel()
	for _, backend := range kernelBackends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			test(t, backend)
		})
	}
}

// firewallSubject is firewall with all that it has to do.
func firewallSubject(backend string) subject {
	return subject{
		plugin: "firewall",
		config: fmt.Sprintf(`{"name": "net", "type": "firewall", "backend": %q, "ingressPolicy": "isolated"}`, backend),
		ifName: "eth0",
		exact:  true,
		prevResult: `{"cniVersion": "1.1.0", "interfaces": [{"name": "br0"}, {"name": "eth0", "sandbox": "/run/netns/c"}],
			"ips": [{"address": "10.1.2.3/24", "interface": 1}, {"address": "fd00:1:2::3/64", "interface": 1}]}`,
		since:   "0.4.0",
		variant: backend,
		shared:  true,
	}
}

// firewalldSubject is firewall where firewalld runs, and iptables has the policy. A
// second family would only make iptables do the same twice.
func firewalldSubject() subject {
	s := firewallSubject("firewalld")
	s.prevResult = strings.Replace(s.prevResult, "fd00:1:2::3/64", "10.1.2.4/24", 1)
	s.services = func(t testing.TB, n *node.Node) { fakeFirewalld(t, n, map[string]string{}) }
	return s
}

// firewallCall is a call of firewall, of the network "net" with the keys, for a
// container of the name on the bridge cni0.
func firewallCall(name, keys string, addresses ...string) node.Call {
	ips := make([]string, len(addresses))
	for i, a := range addresses {
		ips[i] = fmt.Sprintf(`{"address": %q}`, a)
	}
	config := fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": "firewall", %s,
		"prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": "cni0"}, {"name": "eth0", "sandbox": "/run/netns/%s"}], "ips": [%s]}}`,
		keys, name, strings.Join(ips, ", "))
	return node.Call{Plugin: "firewall", Config: config, ContainerID: name, Netns: "/run/netns/" + name, IfName: "eth0"}
}

// backendKey names the backend in keys.
func backendKey(backend string) string { return fmt.Sprintf(`"backend": %q`, backend) }

// filterRules returns the rules in iptables' table filter for a family, without a
// line break at the end.
func filterRules(t *testing.T, n *node.Node, tool string) string {
	t.Helper()
	return strings.TrimSpace(savedRules(t, n, tool, "filter"))
}

const (
	skeletonRules = `-A FORWARD -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j CNI-ISOLATION-STAGE-1
-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
-A CNI-ISOLATION-STAGE-1 -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j RETURN
-A CNI-ISOLATION-STAGE-2 -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j RETURN`

	isolatedRules = `-A FORWARD -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j CNI-ISOLATION-STAGE-1
-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
-A CNI-FORWARD -d ADDRESS -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A CNI-FORWARD -s ADDRESS -j ACCEPT
-A CNI-FORWARD -d ADDRESS -m conntrack --ctstate DNAT -j ACCEPT
-A CNI-ISOLATION-STAGE-1 -i cni0 -o cni0 -m comment --comment "CNI firewall plugin rules (ingressPolicy: isolated)" -j DROP
-A CNI-ISOLATION-STAGE-1 -i cni0 ! -o cni0 -m comment --comment "CNI firewall plugin rules (ingressPolicy: isolated)" -j CNI-ISOLATION-STAGE-2
-A CNI-ISOLATION-STAGE-1 -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j RETURN
-A CNI-ISOLATION-STAGE-2 -o cni0 -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j DROP
-A CNI-ISOLATION-STAGE-2 -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j RETURN`
)

// The rules of iptables are upstream's, in upstream's order. DEL takes away all
// that is about the container, by its record alone, and leaves what containers
// have in common, as upstream does.
func TestFirewallIPTables(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	call := firewallCall("c", backendKey("iptables")+`, "ingressPolicy": "isolated"`, "10.50.0.2/16", "2001:db8:1:2::1/64")
	result := n.Must(t, "ADD", call)
	expectFilter(t, n, "after ADD", isolatedRules)
	n.Must(t, "CHECK", call.With("prevResult", result))
	for range 2 {
		n.Must(t, "DEL", call.With("prevResult", nil))
		expectFilter(t, n, "after DEL", skeletonRules)
	}
	// What the next ones need of that, they find or make again.
	n.Exec(t, "sh", "-ec", "iptables -F FORWARD; ip6tables -F; iptables -I CNI-ADMIN -j RETURN; iptables -D CNI-ADMIN 1")
	n.Must(t, "ADD", call)
	expectFilter(t, n, "after a flush", isolatedRules)
	n.Must(t, "ADD", call)
	expectFilter(t, n, "after a second ADD", isolatedRules)
	if left := n.Exec(t, "sh", "-c", "ls /run/cni/firewall/attachments | wc -l"); left != "1\n" {
		t.Errorf("%s records", left)
	}
}

func expectFilter(t *testing.T, n *node.Node, when, want string) {
	t.Helper()
	for tool, address := range map[string]string{"iptables": "10.50.0.2/32", "ip6tables": "2001:db8:1:2::1/128"} {
		if diff := cmp.Diff(strings.ReplaceAll(want, "ADDRESS", address), filterRules(t, n, tool)); diff != "" {
			t.Errorf("%s, %s (-want +got):\n%s", tool, when, diff)
		}
	}
}

const firewallTable = `table inet cni_plugins_firewall {
	comment "Forwarding for containers, by CNI's firewall plugin"
	set containers_ipv4 {
		type ipv4_addr
		flags timeout
IPV4	}

	set containers_ipv6 {
		type ipv6_addr
		flags timeout
IPV6	}

	set answers_only_ipv4 {
		type ipv4_addr
		flags timeout
		comment "Containers to which nothing passes that was translated"
	}

	set answers_only_ipv6 {
		type ipv6_addr
		flags timeout
		comment "Containers to which nothing passes that was translated"
	}

	set bridges {
		type ifname
		flags timeout
BRIDGES	}

	map bridged {
		type ifname . ifname : verdict
		flags timeout
BRIDGED	}

	chain isolation {
		iifname . oifname vmap @bridged
		iifname @bridges oifname @bridges drop
	}

	chain admin {
		comment "For rules that decide before the containers'"
	}

	chain unmatched {
		comment "For rules about all that is neither from nor for a container"
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
		jump isolation
		jump admin
		ip daddr @containers_ipv4 ct state established,related accept
		ip saddr @containers_ipv4 accept
		ct status dnat ip daddr @containers_ipv4 ip daddr != @answers_only_ipv4 accept
		ip6 daddr @containers_ipv6 ct state established,related accept
		ip6 saddr @containers_ipv6 accept
		ct status dnat ip6 daddr @containers_ipv6 ip6 daddr != @answers_only_ipv6 accept
		jump unmatched
	}
}
`

func TestFirewallNFTables(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	call := firewallCall("c", backendKey("nftables")+`, "ingressPolicy": "isolated"`, "10.50.0.2/16", "2001:db8:1:2::1/64")
	result := n.Must(t, "ADD", call)
	want := strings.NewReplacer(
		"IPV4", "\t\telements = { 10.50.0.2 comment \"OWNER\" }\n",
		"IPV6", "\t\telements = { 2001:db8:1:2::1 comment \"OWNER\" }\n",
		"BRIDGES", "\t\telements = { \"cni0\" comment \"isolated\" }\n",
		"BRIDGED", "\t\telements = { \"cni0\" . \"cni0\" comment \"isolated\" : drop }\n",
	).Replace(firewallTable)
	got := regexp.MustCompile(`"[0-9a-f]{16}-[0-9a-f]{16}, net: net, if: eth0, id: c"`).ReplaceAllString(n.Exec(t, "nft", "list", "ruleset"), `"OWNER"`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after ADD (-want +got):\n%s", diff)
	}
	n.Must(t, "CHECK", call.With("prevResult", result))
	empty := regexp.MustCompile(`(IPV4|IPV6|BRIDGES|BRIDGED)\t`).ReplaceAllString(firewallTable, "\t")
	for range 2 {
		n.Must(t, "DEL", call.With("prevResult", nil))
		if diff := cmp.Diff(empty, n.Exec(t, "nft", "list", "ruleset")); diff != "" {
			t.Errorf("after DEL (-want +got):\n%s", diff)
		}
	}
	// A ruleset that nft listed is one that it takes, and the plugin goes on with.
	n.Must(t, "ADD", call)
	n.Exec(t, "sh", "-ec", "nft list ruleset >/run/rules; nft flush ruleset; nft -f /run/rules")
	n.Must(t, "CHECK", call)
	// After a flush, the next ADD makes all anew.
	n.Exec(t, "nft", "flush", "ruleset")
	n.Must(t, "ADD", call)
	n.Must(t, "CHECK", call)
}

// An address that a new container has already is not the old one's any longer.
func TestFirewallAddressReused(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		keys := backendKey(backend) + `, "ingressPolicy": "same-bridge"`
		before, after := firewallCall("old", keys, "10.50.0.2/16"), firewallCall("new", keys, "10.50.0.2/16")
		for _, order := range [][2]node.Call{{before, after}, {after, before}} {
			n.Must(t, "ADD", before)
			n.Must(t, "ADD", after)
			for range 2 {
				n.Must(t, "DEL", order[0])
				n.Must(t, "CHECK", order[1])
			}
			n.Must(t, "DEL", order[1])
			if err := n.Run(t, "CHECK", order[1]).Err(); err == nil {
				t.Error("CHECK after the last DEL")
			}
		}
	})
}

// CHECK misses whatever is taken away, and puts nothing back.
func TestFirewallCheck(t *testing.T) {
	t.Parallel()
	for backend, damages := range map[string]map[string]string{
		"iptables": {
			"iptables -D FORWARD 1":                "expected FORWARD rule [-m comment --comment CNI firewall plugin rules (ingressPolicy: same-bridge|isolated) -j CNI-ISOLATION-STAGE-1] not found",
			"iptables -D FORWARD 2":                "expected FORWARD rule [-m comment --comment CNI firewall plugin rules -j CNI-FORWARD] not found",
			"iptables -D CNI-FORWARD 1":            "expected CNI-FORWARD rule [-m comment --comment CNI firewall plugin admin overrides -j CNI-ADMIN] not found",
			"iptables -D CNI-FORWARD 2":            "expected rule [-d 10.50.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT] not found",
			"ip6tables -D CNI-FORWARD 3":           "expected rule [-s fd00::2/128 -j ACCEPT] not found",
			"iptables -D CNI-ISOLATION-STAGE-1 1":  "expected CNI-ISOLATION-STAGE-1 rule [-i cni0 -o cni0 ",
			"ip6tables -D CNI-ISOLATION-STAGE-2 1": "expected CNI-ISOLATION-STAGE-2 rule [-o cni0 ",
			"iptables -F; iptables -X":             "; expected ",
			`iptables -D FORWARD 1; iptables -A FORWARD -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)" -j CNI-ISOLATION-STAGE-1`: "CNI-ISOLATION-STAGE-1 comes after CNI-FORWARD, or what lets all packets through, in FORWARD",
			`iptables -I FORWARD -m comment --comment all -j ACCEPT`:           "CNI-ISOLATION-STAGE-1 comes after CNI-FORWARD, or what lets all packets through, in FORWARD",
			`iptables -I FORWARD -j REJECT --reject-with icmp-host-prohibited`: "CNI-FORWARD comes after what drops all packets in FORWARD",
		},
		"nftables": {
			"nft flush ruleset": "chain inet cni_plugins_firewall forward has 0 rules, expected 9",
			"nft flush chain inet cni_plugins_firewall isolation":                        "chain inet cni_plugins_firewall isolation has 0 rules, expected 2",
			"nft delete element inet cni_plugins_firewall containers_ipv4 { 10.50.0.2 }": "expected element 10.50.0.2 of set inet cni_plugins_firewall containers_ipv4 not found",
			"nft flush set inet cni_plugins_firewall bridges":                            "expected element cni0 of set inet cni_plugins_firewall bridges not found",
			"nft flush map inet cni_plugins_firewall bridged":                            "expected element cni0 of set inet cni_plugins_firewall bridged not found",
		},
	} {
		for damage, want := range damages {
			t.Run(damage, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				call := firewallCall("c", backendKey(backend)+`, "ingressPolicy": "isolated"`, "10.50.0.2/16", "fd00::2/64")
				n.Must(t, "ADD", call)
				n.Exec(t, "sh", "-c", damage)
				before := n.State(t)
				if err := n.Run(t, "CHECK", call).Err(); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %s", err, want)
				}
				if diff := hoststate.Diff(before, n.State(t)); diff != "" {
					t.Errorf("CHECK changed something:\n%s", diff)
				}
				repair(t, n, "firewall")
				n.Must(t, "CHECK", call)
				n.Exec(t, "sh", "-c", damage)
				n.Must(t, "DEL", call)
				if result := n.Must(t, "ADD", call); !strings.Contains(want, "comes after") {
					// What is there is not put elsewhere.
					n.Must(t, "CHECK", call.With("prevResult", result))
				}
			})
		}
	}
}

// Rules of the administrator for some packets stay in front, also those that the plugin cannot
// read, and are no fault.
func TestFirewallBehindSome(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	call := firewallCall("c", backendKey("iptables")+`, "ingressPolicy": "isolated"`, "10.50.0.2/16")
	n.Must(t, "ADD", call)
	n.Exec(t, "sh", "-ec", `
		iptables -I FORWARD -m conntrack --ctorigdstport 8080 -j DROP
		iptables -I FORWARD -m iprange --src-range 192.0.2.1-192.0.2.9 -j DROP
		iptables -I FORWARD -m physdev --physdev-is-bridged -j ACCEPT
		nft 'add set ip filter bad { type ipv4_addr; }; insert rule ip filter FORWARD ip saddr @bad drop comment "x"'`)
	before := n.Exec(t, "nft", "-s", "list", "chain", "ip", "filter", "FORWARD")
	n.Must(t, "CHECK", call)
	repair(t, n, "firewall")
	n.Must(t, "ADD", firewallCall("d", backendKey("iptables")+`, "ingressPolicy": "isolated"`, "10.50.0.3/16"))
	if diff := cmp.Diff(before, n.Exec(t, "nft", "-s", "list", "chain", "ip", "filter", "FORWARD")); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// A policy that was made for containers of one family is no fault of one of the other.
func TestFirewallCheckFamilies(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		v4 := firewallCall("c4", backendKey(backend), "10.50.0.2/16")
		v6 := firewallCall("c6", backendKey(backend)+`, "ingressPolicy": "isolated"`, "fd00::2/64")
		for _, order := range [][]node.Call{{v4, v6}, {v6, v4, v6}} {
			for _, call := range order {
				n.Must(t, "ADD", call)
			}
			n.Must(t, "CHECK", v4)
			n.Must(t, "CHECK", v6)
			n.Must(t, "DEL", v4)
			n.Must(t, "DEL", v6)
		}
	})
}

// The policy of a bridge is that of the last ADD, in whatever backend, and goes
// with the last container.
func TestFirewallSwitchesPolicy(t *testing.T) {
	t.Parallel()
	policies := []string{
		`"backend": "iptables", "ingressPolicy": "isolated"`,
		`"backend": "iptables", "ingressPolicy": "same-bridge"`,
		`"backend": "iptables", "ingressPolicy": "open"`,
		`"backend": "nftables", "ingressPolicy": "isolated"`,
		`"backend": "nftables", "ingressPolicy": "same-bridge"`,
		`"backend": "nftables", "ingressPolicy": "open"`,
	}
	for _, first := range policies {
		for _, second := range policies {
			t.Run(first+", "+second, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				for _, keys := range policies {
					call := firewallCall("each", keys, "10.50.0.9/16")
					n.Must(t, "ADD", call)
					n.Must(t, "DEL", call)
				}
				empty := n.State(t)
				one, two := firewallCall("one", first, "10.50.0.2/16"), firewallCall("two", second, "10.50.0.3/16")
				n.Must(t, "ADD", two)
				want := policyRules(t, n)
				n.Must(t, "DEL", two)
				n.Must(t, "ADD", one)
				n.Must(t, "ADD", two)
				if diff := cmp.Diff(want, policyRules(t, n)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				n.Must(t, "CHECK", one)
				n.Must(t, "CHECK", two)
				n.Must(t, "DEL", two)
				n.Must(t, "DEL", one)
				if diff := hoststate.Diff(empty, n.State(t)); diff != "" {
					t.Errorf("after DEL:\n%s", diff)
				}
			})
		}
	}
}

// An ADD that cannot print its result gives the bridge the policy back that it had.
func TestFirewallRestoresPolicy(t *testing.T) {
	t.Parallel()
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range kernelBackends {
		for _, second := range kernelBackends {
			t.Run(first+", "+second, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				for _, backend := range kernelBackends {
					call := firewallCall("each", backendKey(backend)+`, "ingressPolicy": "isolated"`, "10.50.0.9/16")
					n.Must(t, "ADD", call)
					n.Must(t, "DEL", call)
				}
				one := firewallCall("one", backendKey(first)+`, "ingressPolicy": "isolated"`, "10.50.0.2/16")
				two := firewallCall("two", backendKey(second)+`, "ingressPolicy": "same-bridge"`, "10.50.0.3/16")
				n.Must(t, "ADD", one)
				before := n.State(t)
				n.Exec(t, "env", "CNI_COMMAND=ADD", "CNI_CONTAINERID=two", "CNI_NETNS=/run/netns/two", "CNI_IFNAME=eth0", "CNI_PATH="+bin, "CONFIG="+two.Config,
					"sh", "-c", `! printf %s "$CONFIG" | "$CNI_PATH/firewall" >/dev/full`)
				made := regexp.MustCompile(`^files: /run/cni/firewall/made/`)
				if diff := hoststate.Diff(before, n.State(t), made); diff != "" {
					t.Errorf("after the failure:\n%s", diff)
				}
				n.Must(t, "CHECK", one)
			})
		}
	}
}

// policyRules returns what there is about the bridge, in both backends.
func policyRules(t *testing.T, n *node.Node) string {
	t.Helper()
	return n.Exec(t, "sh", "-c", "iptables-save -t filter | grep cni0; nft list table inet cni_plugins_firewall | grep cni0 || true")
}

// Fifty containers come and go at once.
func TestFirewallParallel(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		keys := backendKey(backend) + `, "ingressPolicy": "same-bridge"`
		var calls []node.Call
		for i := range 50 {
			calls = append(calls, firewallCall(fmt.Sprint("c", i), keys, fmt.Sprintf("10.50.0.%d/16", i+2), fmt.Sprintf("fd00::%x/64", i+2)))
		}
		atOnce(t, n, "ADD", calls)
		atOnce(t, n, "CHECK", calls)
		atOnce(t, n, "DEL", calls)
		rules := filterRules(t, n, "iptables") + filterRules(t, n, "ip6tables") + n.Exec(t, "nft", "list", "ruleset")
		if strings.Contains(rules, "10.50.") || strings.Contains(rules, "fd00:") || strings.Contains(rules, "cni0") {
			t.Errorf("after DEL:\n%s", rules)
		}
		if left := n.Exec(t, "sh", "-c", "find /run/cni/firewall/claims /run/cni/firewall/attachments -mindepth 1"); left != "" {
			t.Errorf("state after DEL:\n%s", left)
		}
	})
}

func TestFirewallGC(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		keys := backendKey(backend) + `, "ingressPolicy": "same-bridge"`
		keep, stale := firewallCall("keep", keys, "10.50.0.2/16"), firewallCall("stale", keys, "10.50.0.3/16")
		foreign := firewallCall("foreign", keys, "10.60.0.2/16").With("name", []byte(`"other"`))
		n.Must(t, "ADD", keep)
		n.Must(t, "ADD", foreign)
		before := n.State(t)
		n.Must(t, "ADD", stale)
		n.Must(t, "GC", keep) // without a list
		n.Must(t, "CHECK", stale)
		for range 2 {
			n.Must(t, "GC", keep.With("cni.dev/valid-attachments", []byte(`[{"containerID": "keep", "ifname": "eth0"}]`)))
			if diff := hoststate.Diff(before, n.State(t), node.Lasting()); diff != "" {
				t.Errorf("after GC:\n%s", diff)
			}
		}
		n.Must(t, "CHECK", keep)
		n.Must(t, "CHECK", foreign)
	})
}

func TestFirewallErrors(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	call := firewallCall("c", backendKey("iptables"), "10.50.0.2/16")
	for _, test := range []struct {
		command string
		call    node.Call
		want    string
	}{
		{"ADD", call.With("prevResult", nil), "missing prevResult from earlier plugin"},
		{"CHECK", call.With("prevResult", nil), "missing prevResult from earlier plugin"},
		{"ADD", call.With("ingressPolicy", []byte(`"foo"`)), `unknown ingress policy: "foo"`},
		{"ADD", call.With("ingressPolicy", []byte(`"isolated"`)).With("prevResult", []byte(`{"ips": [{"address": "10.0.0.2/24"}]}`)),
			`interface needs to be set for ingress policy "isolated", make sure to chain "firewall" plugin with "bridge"`},
		{"ADD", call.With("backend", []byte(`"firewalld"`)), "firewalld does not run"},
		{"STATUS", call.With("backend", []byte(`"firewalld"`)), "firewalld does not run"},
	} {
		err := n.Run(t, test.command, test.call).Err()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.command, err, test.want)
		}
	}
	before := n.State(t)
	n.Must(t, "DEL", call.With("ingressPolicy", []byte(`"foo"`)))
	n.Must(t, "DEL", call.With("prevResult", []byte(`"none"`)))
	n.Must(t, "STATUS", call)
	if diff := hoststate.Diff(before, n.State(t)); diff != "" {
		t.Errorf("DEL or STATUS changed something:\n%s", diff)
	}
}

// The result is prevResult, whatever it has.
func TestFirewallResult(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	for _, version := range []string{"0.4.0", "1.0.0", "1.1.0"} {
		call := firewallCall("c", backendKey("iptables"), "10.50.0.2/16")
		prev := `{"cniVersion": "` + version + `", "interfaces": [{"name": "eth0", "sandbox": "/x"}], "ips": [{"version": "4", "address": "10.0.0.2/24", "interface": 0}], "dns": {"nameservers": ["10.0.0.1"]}}`
		if version != "0.4.0" {
			prev = strings.Replace(prev, `"version": "4", `, "", 1)
		}
		var want, got any
		out := n.Must(t, "ADD", call.With("cniVersion", fmt.Appendf(nil, "%q", version)).With("prevResult", []byte(prev)))
		if err := json.Unmarshal([]byte(prev), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
	}
}
