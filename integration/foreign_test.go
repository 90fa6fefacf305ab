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

// foreignRules are what an administrator may have in the tables that iptables uses, in
// nft(8)'s language, and where they are allowed.
var foreignRules = map[string]string{
	"mark":       "meta mark set 0x7",
	"dscp":       "ip dscp 5 counter",
	"skuid":      "meta skuid 0 counter",
	"state":      "ct state established,related accept",
	"status":     "ct status dnat accept",
	"ctmark":     "ct mark 5 accept",
	"fib":        "fib daddr type local counter",
	"masquerade": `oifname "nowhere" masquerade`,
	"set":        "ip saddr { 198.51.100.1, 198.51.100.7 } accept",
	"named set":  "ip saddr @foreign accept",
	"map":        "ip saddr vmap { 198.51.100.1 : accept, 198.51.100.2 : drop }",
	"range":      "ip saddr 198.51.100.1-198.51.100.9 accept",
	"limit":      "limit rate 5/second counter",
	"quota":      "quota over 500 mbytes counter",
	"log":        `log prefix "foreign" counter`,
}

type foreignPlace struct{ table, chain, head string }

// foreignPlaces are the chains that have them: base chains, whose names iptables has for
// its own or not, and others.
var foreignPlaces = []foreignPlace{
	{"nat", "administrator", ""},
	{"nat", "PREROUTING", "type nat hook prerouting priority dstnat;"},
	{"nat", "OUTPUT", "type nat hook output priority -100;"},
	{"nat", "POSTROUTING", "type nat hook postrouting priority srcnat;"},
	{"nat", "postrouting", "type nat hook postrouting priority srcnat + 10;"},
	{"filter", "administrator", ""},
	{"filter", "FORWARD", "type filter hook forward priority filter;"},
	{"filter", "OUTPUT", "type filter hook output priority filter;"},
	{"filter", "forward", "type filter hook forward priority filter + 10;"},
}

// Whatever rules others have in the tables that iptables uses, wherever they are, each
// verb does what it does without them, and leaves them alone. A rule is in all places at
// once, and with CNI_TEST_FOREIGN=all also in each of them alone.
func TestForeignRules(t *testing.T) {
	t.Parallel()
	sets := map[string][]foreignPlace{"everywhere": foreignPlaces}
	if os.Getenv("CNI_TEST_FOREIGN") == "all" {
		for _, place := range foreignPlaces {
			sets[place.table+" "+place.chain] = []foreignPlace{place}
		}
	}
	for name, rule := range foreignRules {
		for where, places := range sets {
			t.Run(name+" "+where, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				for _, place := range places {
					if name != "masquerade" || strings.Contains(place.head, "postrouting") {
						place.add(t, n, rule)
					}
				}
				calls := sharedTableCalls(t, n, "iptables")
				for _, plugin := range []string{"portmap", "firewall", "bridge", "ptp"} {
					walkVerbs(t, n, plugin, calls[plugin])
				}
			})
		}
	}
}

// add adds the rule for both families, as far as it is one for both.
func (p foreignPlace) add(t *testing.T, n *node.Node, rule string) {
	t.Helper()
	families := []string{"ip", "ip6"}
	if strings.Contains(rule, "ip ") {
		families = families[:1]
	}
	for _, family := range families {
		n.Exec(t, "sh", "-ec", fmt.Sprintf(`nft -f - <<-END
			table %s %s {
				set foreign { type ipv4_addr; }
				chain %s {
					%s
					%s
				}
			}
		END`, family, p.table, p.chain, p.head, rule))
	}
}

// walkVerbs runs all verbs for two containers and expects nothing of them to be left.
func walkVerbs(t *testing.T, n *node.Node, plugin string, call func(name string, last int) node.Call) {
	t.Helper()
	rules := func() string { return n.Exec(t, "nft", "-s", "list", "ruleset") }
	n.Container(t, plugin+"1")
	n.Container(t, plugin+"2")
	one, two := call(plugin+"1", 3), call(plugin+"2", 4)
	add := func(c node.Call) node.Call {
		result := n.Must(t, "ADD", c)
		if makesInterfaces(plugin) {
			return c.With("prevResult", result)
		}
		return c
	}
	n.Must(t, "STATUS", one)
	one = add(one)
	n.Must(t, "DEL", one) // what is made once stays
	if makesInterfaces(plugin) {
		one = call(plugin+"1", 3)
	}
	before, state := rules(), n.State(t)
	one, two = add(one), add(two)
	n.Must(t, "CHECK", one)
	n.Must(t, "", node.Call{Plugin: plugin, Command: "repair"})
	n.Must(t, "CHECK", two)
	n.Must(t, "DEL", one)
	n.Must(t, "CHECK", two)
	for _, end := range []struct {
		verb string
		call node.Call
	}{{"GC", two.With("cni.dev/valid-attachments", []byte("[]"))}, {"DEL", two}} {
		n.Must(t, end.verb, end.call)
		if diff := cmp.Diff(before, rules()); diff != "" {
			t.Errorf("%s, rules after %s (-before +after):\n%s", plugin, end.verb, diff)
		}
	}
	if diff := hoststate.Diff(state, n.State(t), notRestored(), node.Lasting()); diff != "" {
		t.Errorf("%s:\n%s", plugin, diff)
	}
}
