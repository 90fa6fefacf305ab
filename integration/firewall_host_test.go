package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// Upstream's ADD and ours are undone, and checked, by each other.
func TestFirewallDebian(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	keys := backendKey("iptables") + `, "ingressPolicy": "same-bridge"`
	call, theirs := upstreams(t, firewallCall("c", keys, "10.50.0.2/16", "fd00::2/64"))
	other, theirOther := upstreams(t, firewallCall("other", keys, "10.50.0.3/16", "fd00::3/64"))
	n.Must(t, "ADD", theirs)
	n.Must(t, "CHECK", call)
	n.Must(t, "ADD", other)
	n.Must(t, "CHECK", theirOther)
	n.Must(t, "DEL", call)
	for tool, address := range map[string]string{"iptables": "10.50.0.2", "ip6tables": "fd00::2/"} {
		if rules := filterRules(t, n, tool); strings.Contains(rules, address) {
			t.Errorf("after our DEL of upstream's:\n%s", rules)
		}
	}
	n.Must(t, "CHECK", other)
	n.Must(t, "DEL", theirOther)
	for tool, address := range map[string]string{"iptables": "10.50.0.3", "ip6tables": "fd00::3"} {
		var left []string
		for line := range strings.Lines(filterRules(t, n, tool)) {
			if strings.Contains(line, address) && !strings.Contains(line, "--ctstate DNAT") { // that goes with the record
				left = append(left, line)
			}
		}
		if len(left) > 0 {
			t.Errorf("after upstream's DEL of ours: %q", left)
		}
	}
	n.Must(t, "DEL", other)
	// Upstream does not take its policies back; switching them does.
	n.Must(t, "ADD", theirs)
	n.Exec(t, "rm", "-r", "/run/cni/firewall")
	n.Must(t, "ADD", other.With("ingressPolicy", []byte(`"open"`)))
	if rules := filterRules(t, n, "iptables"); strings.Contains(rules, "cni0") {
		t.Errorf("stricter than the last policy:\n%s", rules)
	}
	n.Must(t, "CHECK", call.With("ingressPolicy", nil))
}

// A bridge that both use keeps its policy as long as a container of either is on it, and
// no longer.
func TestFirewallDebianPolicy(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", `ip link add cni0 type bridge; ip address add 10.50.0.1/16 dev cni0; ip address add fd00::1/64 dev cni0 nodad; ip link set cni0 up`)
	keys := backendKey("iptables") + `, "ingressPolicy": "same-bridge"`
	one, _ := upstreams(t, firewallCall("one", keys, "10.50.0.2/16", "fd00::2/64"))
	two, theirTwo := upstreams(t, firewallCall("two", keys, "10.50.0.3/16", "fd00::3/64"))
	three, theirThree := upstreams(t, firewallCall("three", keys, "10.50.0.4/16", "fd00::4/64"))
	has := func(when string, want bool) {
		t.Helper()
		for _, tool := range []string{"iptables", "ip6tables"} {
			if have := strings.Contains(filterRules(t, n, tool), "cni0"); have != want {
				t.Errorf("%s, the bridge has a policy in %s: %v, want %v", when, tool, have, want)
			}
		}
	}
	n.Must(t, "ADD", one)
	n.Must(t, "DEL", one)
	n.Must(t, "ADD", theirTwo)
	n.Must(t, "CHECK", two)
	has("after upstream's ADD", true)
	n.Must(t, "DEL", two)
	has("after our DEL of upstream's", false)

	n.Must(t, "ADD", one)
	n.Must(t, "ADD", theirTwo)
	n.Must(t, "ADD", theirThree)
	for _, call := range []node.Call{one, two, three} {
		n.Must(t, "CHECK", call)
	}
	n.Must(t, "DEL", one)
	n.Must(t, "CHECK", two)
	n.Must(t, "DEL", two)
	n.Must(t, "CHECK", three)
	has("with one of upstream's left", true)
	n.Must(t, "DEL", three)
	has("with nobody left", false)

	open := firewallCall("open", backendKey("iptables")+`, "ingressPolicy": "open"`, "10.50.0.5/16", "fd00::5/64")
	n.Must(t, "ADD", one)
	n.Must(t, "ADD", open) // takes the bridge's policy away
	has("open", false)
	n.Must(t, "ADD", theirTwo)
	n.Must(t, "CHECK", two)
	n.Must(t, "CHECK", open)
	n.Must(t, "DEL", two)
	has("open again", false)
}

// An old container's DEL without a record, of upstream's time, leaves the rules of
// a new container with the same address alone.
func TestFirewallUnrecorded(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		old, call := firewallCall("old", backendKey(backend), "10.50.0.2/16"), firewallCall("new", backendKey(backend), "10.50.0.2/16")
		n.Must(t, "ADD", call)
		before := n.State(t)
		n.Must(t, "DEL", old)
		if diff := hoststate.Diff(before, n.State(t)); diff != "" {
			t.Errorf("after DEL:\n%s", diff)
		}
		n.Must(t, "CHECK", call)
	})
}

// How many processes each verb starts.
func TestFirewallProcesses(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	const write = "ip6tables-restore iptables-restore"
	for _, policy := range []string{"open", "isolated"} {
		call := func(name, address string) node.Call {
			return firewallCall(name, fmt.Sprintf(`"backend": "iptables", "ingressPolicy": %q`, policy), address, "fd00::"+name+"/64")
		}
		first, second := call("1", "10.50.0.2/16"), call("2", "10.50.0.3/16")
		for _, step := range []struct {
			command string
			call    node.Call
			want    string
		}{
			{"ADD", first, write}, {"ADD", second, write}, {"CHECK", second, ""}, {"ADD", second, ""},
			{"DEL", second, ""}, {"DEL", second, ""}, {"DEL", second.With("prevResult", nil), ""},
			{"DEL", first, ""}, {"ADD", first, write}, {"DEL", first, ""},
		} {
			if got := strings.Join(programs(t, n, step.command, step.call), " "); got != step.want {
				t.Errorf("%s, %s of %s: ran %q, want %q", policy, step.command, step.call.ContainerID, got, step.want)
			}
		}
	}
	nft := firewallCall("3", `"backend": "nftables", "ingressPolicy": "isolated"`, "10.50.0.4/16")
	for _, verb := range []string{"ADD", "CHECK", "DEL"} {
		if got := programs(t, n, verb, nft); len(got) > 0 {
			t.Errorf("nftables, %s: ran %q", verb, got)
		}
	}
}

// withoutIP6Tables takes the tools for IPv6 from the node.
func withoutIP6Tables(t *testing.T, n *node.Node) {
	t.Helper()
	n.Exec(t, "sh", "-ec", `mkdir /run/sbin; cp -a /usr/sbin/xtables-* /usr/sbin/ip* /usr/sbin/nft /run/sbin; rm /run/sbin/ip6tables*
		mount --bind /run/sbin /usr/sbin`)
}

// A host without ip6tables serves containers that have no IPv6 address.
func TestFirewallWithoutIP6Tables(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	withoutIP6Tables(t, n)
	call := firewallCall("c", `"backend": "", "ingressPolicy": "isolated"`, "10.50.0.2/16")
	call.Env = []string{"PATH=/usr/sbin:/usr/bin"}
	for range 2 {
		n.Must(t, "STATUS", call)
		n.Must(t, "ADD", call)
		n.Must(t, "CHECK", call)
		n.Must(t, "DEL", call)
		n.Must(t, "DEL", call)
	}
	if rules := n.Exec(t, "iptables-save", "-t", "filter"); !strings.Contains(rules, "CNI-FORWARD") || strings.Contains(rules, "10.50.0.2") {
		t.Errorf("after DEL:\n%s", rules)
	}
	dual := firewallCall("d", backendKey("iptables"), "10.50.0.2/16", "fd00::2/64")
	dual.Env = call.Env
	before := n.State(t)
	if err := n.Run(t, "ADD", dual).Err(); err == nil || !strings.Contains(err.Error(), "ip6tables") {
		t.Errorf("got %v", err)
	}
	if diff := hoststate.Diff(before, n.State(t)); diff != "" {
		t.Errorf("after the failure:\n%s", diff)
	}
}

// A host with iptables' legacy variant has the same rules in the other tables.
func TestFirewallLegacy(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	path := toolsOf(t, n, "legacy")
	call := firewallCall("c", backendKey("iptables")+`, "ingressPolicy": "isolated"`, "10.50.0.2/16", "2001:db8:1:2::1/64")
	call.Env = []string{"PATH=" + path}
	expect := func(when, want string) {
		t.Helper()
		for tool, address := range map[string]string{"iptables-legacy": "10.50.0.2/32", "ip6tables-legacy": "2001:db8:1:2::1/128"} {
			if diff := cmp.Diff(strings.ReplaceAll(want, "ADDRESS", address), filterRules(t, n, tool)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", tool, when, diff)
			}
		}
	}
	for range 2 {
		n.Must(t, "ADD", call)
		expect("after ADD", isolatedRules)
		n.Must(t, "CHECK", call)
		n.Exec(t, "sh", "-ec", "iptables-legacy -F; ip6tables-legacy -F; ip6tables-legacy -X; PATH="+path+" "+pluginPath(t, "firewall")+" repair")
		expect("after a repair", isolatedRules)
		n.Must(t, "DEL", call.With("prevResult", nil))
		n.Must(t, "DEL", call)
		expect("after DEL", skeletonRules)
	}
	if rules := n.Exec(t, "nft", "list", "ruleset"); rules != "" {
		t.Errorf("in nftables:\n%s", rules)
	}
}
