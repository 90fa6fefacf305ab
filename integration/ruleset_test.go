package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// ruleset returns all rules of the node, by chain. The order in which chains, sets
// and elements were made means nothing; that of rules does.
func ruleset(t *testing.T, n *node.Node) []string {
	t.Helper()
	return append(iptablesRules(t, n), nftablesRules(t, n)...)
}

// savedRules returns the rules in a table of iptables, without the table's chains.
func savedRules(t *testing.T, n *node.Node, tool, table string) string {
	t.Helper()
	var rules strings.Builder
	for line := range strings.Lines(n.Exec(t, tool+"-save", "-t", table)) {
		if strings.HasPrefix(line, "-A ") {
			rules.WriteString(line)
		}
	}
	return rules.String()
}

// iptablesRules returns the rules of iptables, whose own lists nft(8) does not
// always print whole, and its chains.
func iptablesRules(t *testing.T, n *node.Node) []string {
	t.Helper()
	var lines []string
	for _, family := range []string{"iptables", "ip6tables"} {
		table := ""
		for line := range strings.Lines(n.Exec(t, family+"-save")) {
			fields := strings.Fields(line)
			switch {
			case line[0] == '*':
				table = fields[0]
			case line[0] == ':' && fields[1] == "-":
				lines = append(lines, family+table+" "+fields[0])
			case line[0] == '-':
				lines = append(lines, family+table+" "+strings.TrimSpace(line))
			}
		}
	}
	chain := func(line string) string {
		return strings.Join(strings.Fields(line)[:min(3, len(strings.Fields(line)))], " ")
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(chain(a), chain(b)) })
	return lines
}

// nftablesRules returns the chains and sets of nftables but for those of iptables.
func nftablesRules(t *testing.T, n *node.Node) []string {
	t.Helper()
	var blocks []string
	for _, table := range regexp.MustCompile(`(?m)^table (inet|bridge) .*\{\n(\t.*\n|\n)*\}`).FindAllString(n.Exec(t, "nft", "-s", "list", "ruleset"), -1) {
		name, _, _ := strings.Cut(table, "\n")
		for _, block := range regexp.MustCompile(`(?m)^\t(chain|set|map) .*\{\n(\t\t.*\n)*\t\}`).FindAllString(table, -1) {
			if head, elements, ok := strings.Cut(block, "elements = {"); ok {
				list := strings.FieldsFunc(elements, func(r rune) bool { return strings.ContainsRune("\t\n{},", r) })
				for i := range list {
					list[i] = strings.TrimSpace(list[i])
				}
				slices.Sort(list)
				block = head + strings.Join(list, "\n")
			}
			blocks = append(blocks, name+block)
		}
	}
	slices.Sort(blocks)
	return blocks
}

// firewallState is what a repair restores: rules, records and switches.
type firewallState struct {
	rules []string
	state hoststate.State
	// anyOrder says that the order of iptables' rules does not matter.
	anyOrder bool
}

func takeFirewallState(t *testing.T, n *node.Node) firewallState {
	t.Helper()
	return firewallState{rules: ruleset(t, n), state: n.State(t)}
}

// notRestored matches what ruleset compares, and what the kernel does meanwhile.
func notRestored() *regexp.Regexp {
	return regexp.MustCompile(`^host (nft|ip6?tables\S*|routes|addresses)|^files: /run/xtables.lock`)
}

func (before firewallState) expect(t *testing.T, n *node.Node, when string) {
	t.Helper()
	after := ruleset(t, n)
	if before.anyOrder {
		slices.Sort(after)
		slices.Sort(before.rules)
	}
	if diff := cmp.Diff(before.rules, after); diff != "" {
		t.Errorf("%s, rules (-before +after):\n%s", when, diff)
	}
	if diff := hoststate.Diff(before.state, n.State(t), notRestored(), node.Lasting()); diff != "" {
		t.Errorf("%s:\n%s", when, diff)
	}
}
