package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// withExclusions is a node with a namespace "outside" in two networks of each family, of
// which it has a server in each.
type withExclusions struct {
	*node.Node
	plugin, backend string
}

func newWithExclusions(t *testing.T, plugin, backend string) withExclusions {
	t.Helper()
	n := node.New(t)
	outside := outsideOf(t, n)
	outside.Exec(t, "sh", "-ec", `ip addr add 198.51.100.2/32 dev eth0; ip addr add 2001:db8:1::2/128 nodad dev eth0
		ip route add default via 192.0.2.1; ip route add default via 2001:db8::1`)
	n.Exec(t, "sh", "-ec", "ip route add 198.51.100.0/22 dev out; ip route add 2001:db8:1::/48 dev out")
	place{outside.Do}.serve(t, "outside", "tcp", ":80")
	return withExclusions{n, plugin, backend}
}

const (
	itsExclusions     = `["198.51.100.0/24", "198.51.101.0/24", "198.51.100.64/26", "2001:db8:1::/64"]`
	otherExclusions   = `["192.0.2.0/28", "2001:db8::/127"]`
	excludedV4, hasV4 = "198.51.100.2:80", "192.0.2.2:80"
	excludedV6, hasV6 = "[2001:db8:1::2]:80", "[2001:db8::2]:80"
)

func (n withExclusions) call(t *testing.T, name, keys string) (*node.Container, node.Call) {
	t.Helper()
	c := n.Container(t, name)
	call := bridgeCall(c, fmt.Sprintf(`"isGateway": true, "ipMasq": true, "ipMasqBackend": %q, %s`, n.backend, keys)+
		strings.Replace(bridged, `]]}`, `]], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}`, 1))
	call.Plugin = n.plugin
	return c, call
}

// sees expects the addresses that outside sees of a container: its own where it is
// excluded.
func (n withExclusions) sees(t *testing.T, when string, c *node.Container, last string, excluded bool) {
	t.Helper()
	from := place{c.Do}
	own4, own6 := "outside 192.0.2.1", "outside 2001:db8::1"
	expect(t, when, from, "tcp", hasV4, own4)
	expect(t, when, from, "tcp", hasV6, own6)
	if excluded {
		own4, own6 = "outside 10.1.2."+last, "outside fd00:1:2::"+last
	}
	expect(t, when+", excluded", from, "tcp", excludedV4, own4)
	expect(t, when+", excluded", from, "tcp", excludedV6, own6)
}

func eachMasquerade(t *testing.T, test func(t *testing.T, plugin, backend string)) {
	t.Parallel()
	for _, plugin := range []string{"bridge", "ptp"} {
		for _, backend := range kernelBackends {
			t.Run(plugin+" "+backend, func(t *testing.T) {
				t.Parallel()
				test(t, plugin, backend)
			})
		}
	}
}

// lostExclusions is what takes the list away, but not what leads to it.
var lostExclusions = map[string]string{
	"iptables": `for f in iptables ip6tables; do for c in $($f-save -t nat | sed -n 's/^:\(CNI-SPARE[^ ]*\).*/\1/p'); do $f -t nat -F $c; done; done`,
	"nftables": `for s in $(nft list sets | sed -n 's/.*set \(.*_networks\) .*/\1/p'); do nft flush set inet cni_plugins_masquerade $s; done`,
}

// Excluded networks see the container's own address, others the host's. The list is there
// once for all, as long as somebody has it, whatever DEL's configuration says.
func TestMasqueradeExclude(t *testing.T) {
	eachMasquerade(t, func(t *testing.T, plugin, backend string) {
		n := newWithExclusions(t, plugin, backend)
		_, plain := n.call(t, "plain", "")
		n.Must(t, "ADD", plain)
		n.Must(t, "DEL", plain)
		before := ruleset(t, n.Node)
		const keys = `"ipMasqExclude": ` + itsExclusions + `, `
		one, first := n.call(t, "one", keys)
		two, second := n.call(t, "two", keys)
		first = first.With("prevResult", n.Must(t, "ADD", first))
		result := n.Must(t, "ADD", second)
		n.sees(t, "one", one, "3", true)
		n.sees(t, "two", two, "4", true)
		n.Must(t, "CHECK", first)

		n.Exec(t, "sh", "-ec", lostExclusions[backend])
		n.sees(t, "without the list", one, "3", false)
		wantDifference(t, n.Node, first, "not the networks that are excluded from masquerading: [198.51.100.0/24 198.51.101.0/24]")
		repair(t, n.Node, plugin)
		n.Must(t, "CHECK", first)
		n.sees(t, "repaired", one, "3", true)

		n.Must(t, "DEL", first.With("ipMasqExclude", []byte(otherExclusions)))
		n.sees(t, "after DEL of the other", two, "4", true)
		n.Must(t, "CHECK", second.With("prevResult", result))
		wantDifference(t, n.Node, second.With("prevResult", result).With("ipMasqExclude", []byte(otherExclusions)), "not the networks that are excluded from masquerading: [192.0.2.0/28]")
		wantDifference(t, n.Node, second.With("prevResult", result).With("ipMasqExclude", nil), "not the networks that are excluded from masquerading: []")
		n.Must(t, "GC", second.With("cni.dev/valid-attachments", []byte("[]")))
		if diff := cmp.Diff(before, ruleset(t, n.Node)); diff != "" {
			t.Errorf("after DEL and GC (-before +after):\n%s", diff)
		}
		n.Must(t, "DEL", second)
	})
}

// A flush of all is repaired, too, and so is one that is followed by an ADD.
func TestMasqueradeExcludeAfterFlush(t *testing.T) {
	eachMasquerade(t, func(t *testing.T, plugin, backend string) {
		n := newWithExclusions(t, plugin, backend)
		const keys = `"ipMasqExclude": ` + itsExclusions + `, `
		one, first := n.call(t, "one", keys)
		two, second := n.call(t, "two", keys)
		first = first.With("prevResult", n.Must(t, "ADD", first))
		n.Exec(t, "sh", "-ec", "iptables -t nat -F; ip6tables -t nat -F; ! nft list table inet cni_plugins_masquerade || nft delete table inet cni_plugins_masquerade")
		second = second.With("prevResult", n.Must(t, "ADD", second))
		n.sees(t, "ADD after a flush", two, "3", true)
		repair(t, n.Node, plugin)
		n.sees(t, "repaired", one, "2", true)
		n.Exec(t, "sh", "-ec", savedAndRestored)
		if backend == "nftables" { // nft 1.0.6 cannot write what ip6tables masquerades
			n.sees(t, "saved and restored", one, "2", true)
			n.Must(t, "CHECK", first)
		}
		n.Must(t, "DEL", first)
		n.Must(t, "DEL", second)
		if rules := strings.Join(ruleset(t, n.Node), "\n"); strings.Contains(rules, "198.51.") || strings.Contains(rules, "CNI-") {
			t.Errorf("after DEL:\n%s", rules)
		}
	})
}

// So it is with iptables' legacy variant.
func TestMasqueradeExcludeLegacy(t *testing.T) {
	t.Parallel()
	n := newWithExclusions(t, "bridge", "iptables")
	path := []string{"PATH=" + toolsOf(t, n.Node, "legacy") + ":" + os.Getenv("PATH")}
	const keys = `"ipMasqExclude": ` + itsExclusions + `, `
	one, first := n.call(t, "one", keys)
	two, second := n.call(t, "two", keys)
	first.Env, second.Env = path, path
	first = first.With("prevResult", n.Must(t, "ADD", first))
	n.Must(t, "ADD", second)
	n.sees(t, "one", one, "2", true)
	n.Must(t, "CHECK", first)
	n.Must(t, "DEL", first)
	n.sees(t, "two, alone", two, "3", true)
	n.Must(t, "DEL", second)
	if rules := n.Exec(t, "sh", "-ec", "iptables-legacy-save; ip6tables-legacy-save"); strings.Contains(rules, "CNI-") {
		t.Errorf("after DEL:\n%s", rules)
	}
}

// Upstream has no such lists, but its DEL removes what a downgrade makes of them.
func TestMasqueradeExcludeDowngrade(t *testing.T) {
	eachMasquerade(t, func(t *testing.T, plugin, backend string) {
		n := newWithExclusions(t, plugin, backend)
		// One of the networks has the container itself in it.
		one, call := n.call(t, "one", `"ipMasqExclude": `+strings.Replace(itsExclusions, "[", `["10.1.0.0/16", `, 1)+`, `)
		call = call.With("prevResult", n.Must(t, "ADD", call))
		throughout(t, place{one.Do}, "tcp", excludedV4, "outside 10.1.2.2", func() { downgrade(t, n.Node, plugin) })
		n.sees(t, "downgraded", one, "2", true)
		n.Must(t, "CHECK", call)
		del := call
		if backend == "iptables" { // release 1.1.1 has no other
			_, del = upstreams(t, call)
		}
		n.Must(t, "DEL", del)
		if rules := strings.Join(ruleset(t, n.Node), "\n"); strings.Contains(rules, "198.51.") || strings.Contains(rules, "CNI-") {
			t.Errorf("after DEL:\n%s", rules)
		}
		n.Must(t, "DEL", call)
	})
}

// An ADD asks for as much with a list of five hundred networks as with one of two, once
// somebody has it, and DEL likewise while somebody else has it.
func TestMasqueradeExcludeCosts(t *testing.T) {
	eachMasquerade(t, func(t *testing.T, plugin, backend string) {
		n := newWithExclusions(t, plugin, backend)
		many := make([]string, 500)
		for i := range many {
			many[i] = fmt.Sprintf(`"172.%d.%d.0/24", "2001:db8:%x::/48"`, 16+i/250, i%250, 16+i)
		}
		var costs [2]node.Cost
		for i, list := range []string{`["172.16.0.0/24", "2001:db8:10::/48"]`, "[" + strings.Join(many, ", ") + "]"} {
			keys := `"ipMasqExclude": ` + list + `, `
			_, first := n.call(t, fmt.Sprint("first", i), keys)
			n.Must(t, "ADD", first)
			_, second := n.call(t, fmt.Sprint("second", i), keys)
			result, cost := n.Cost(t, "ADD", second)
			costs[i] = cost
			n.Must(t, "CHECK", second.With("prevResult", result))
			n.Must(t, "DEL", second)
			n.Must(t, "DEL", first)
		}
		// An ADD that waits for the kernel may look once more or less.
		if more := costs[1].Messages - costs[0].Messages; costs[1].Programs != costs[0].Programs || more > 4 || costs[1].Answers-costs[0].Answers > 6 {
			t.Errorf("two networks: %+v, a thousand: %+v", costs[0], costs[1])
		}
	})
}

// With the key, containers of one subnet see the host's address of each other, too.
func TestMasqueradeWithinSubnet(t *testing.T) {
	t.Parallel()
	for _, backend := range kernelBackends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := newWithExclusions(t, "ptp", backend)
			one, first := n.call(t, "one", `"ipMasqWithinSubnet": true, `)
			two, second := n.call(t, "two", "")
			place{one.Do}.serve(t, "one", "tcp", ":80")
			place{two.Do}.serve(t, "two", "tcp", ":80")
			first = first.With("prevResult", n.Must(t, "ADD", first))
			n.Must(t, "ADD", second)
			n.Must(t, "CHECK", first)
			expect(t, "one asks", place{one.Do}, "tcp", "10.1.2.3:80", "two 10.1.2.1")
			expect(t, "one asks", place{one.Do}, "tcp", "[fd00:1:2::3]:80", "two fd00:1:2::1")
			expect(t, "two asks", place{two.Do}, "tcp", "10.1.2.2:80", "one 10.1.2.3")
			n.sees(t, "one", one, "2", false)
			wantDifference(t, n.Node, first.With("ipMasqWithinSubnet", nil), "not masqueraded: 10.1.2.2/24")
			n.Must(t, "DEL", first)
			n.Must(t, "DEL", second)
			if rules := strings.Join(ruleset(t, n.Node), "\n"); strings.Contains(rules, "10.1.2.") || strings.Contains(rules, "CNI-") {
				t.Errorf("after DEL:\n%s", rules)
			}
		})
	}
}

// excluding is ptp with a list of networks that are not masqueraded.
func excluding(backend string) subject {
	return subject{
		plugin: "ptp", variant: "exclude " + backend, ifName: "eth0", delegated: true,
		config: fmt.Sprintf(`{"name": "net", "type": "ptp", "ipMasq": true, "ipMasqBackend": %q, "ipMasqExclude": %s, %s}`, backend, itsExclusions, dualStack),
	}
}
