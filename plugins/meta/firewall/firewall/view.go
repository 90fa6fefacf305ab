package firewall

import (
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
)

// view is what there is in a table: as it was read, or as it is assumed.
type view interface {
	has(chain string) bool
	// like returns the rules like p, as they are written.
	like(p placed) []iptables.Rule
	// remove deletes all copies of the rules.
	remove(tx *iptables.Transaction, rules []placed)
	// misplaced reports whether packets are let through before policies see them,
	// or would be with a new jump for those that are let through.
	misplaced(withNewJump bool) bool
	// blocked reports whether all packets are dropped before any are let through.
	blocked() bool
}

// assumed is a table as the state tells that it is.
type assumed struct{}

func (assumed) has(string) bool { return true }

func (assumed) like(p placed) []iptables.Rule {
	if p.assumed {
		return []iptables.Rule{p.rule}
	}
	return nil
}

func (a assumed) remove(tx *iptables.Transaction, rules []placed) {
	for _, r := range rules {
		if r.assumed {
			tx.Delete(r.chain, r.rule)
		}
	}
}

func (assumed) misplaced(bool) bool { return false }

func (assumed) blocked() bool { return false }

// found is a table as it was read.
type found struct {
	iptables.Contents
	// byNumber deletes rules by their number in the chain. A rule that another
	// release of iptables made, with another revision of a match, is listed like
	// one of this release, but not deleted by the same text.
	byNumber bool
}

func (t found) has(chain string) bool { return slices.Contains(t.Chains, chain) }

func (t found) like(p placed) []iptables.Rule {
	var rules []iptables.Rule
	for _, r := range t.Rules {
		if p.is(r) {
			rules = append(rules, r.Rule)
		}
	}
	return rules
}

func (t found) remove(tx *iptables.Transaction, rules []placed) {
	numbers := map[string]int{}
	type numbered struct {
		iptables.Listed
		number int
	}
	var all []numbered
	for _, r := range t.Rules {
		numbers[r.Chain]++
		if slices.ContainsFunc(rules, func(p placed) bool { return p.is(r) }) {
			all = append(all, numbered{r, numbers[r.Chain]})
		}
	}
	// The last one goes first, so that the numbers of others stay.
	for _, r := range slices.Backward(all) {
		if t.byNumber {
			tx.DeleteNumber(r.Chain, r.number)
		} else {
			tx.Delete(r.Chain, r.Rule)
		}
	}
}

func (t found) misplaced(withNewJump bool) bool {
	isolation, forward := slices.IndexFunc(t.Rules, jumpIsolation().is), slices.IndexFunc(t.Rules, jumpForward().is)
	return isolation >= 0 && (withNewJump || forward >= 0 && forward < isolation || t.isBehind(jumpIsolation(), "ACCEPT"))
}

func (t found) blocked() bool { return t.isBehind(jumpForward(), "DROP", "REJECT") }

// isBehind reports whether a rule is there, but behind one that gives all packets
// one of the verdicts.
func (t found) isBehind(p placed, verdicts ...string) bool {
	decided := false
	for _, r := range t.Rules {
		if p.is(r) {
			return decided
		}
		decided = decided || r.Chain == p.chain && slices.Contains(verdicts, r.Rule.Target()) && isUnconditional(r.Rule)
	}
	return false
}

// isUnconditional reports whether a rule is about all packets: it has a target, of
// whatever kind, and a comment at most.
func isUnconditional(r iptables.Rule) bool {
	for len(r) > 1 {
		switch {
		case r[0] == "-j", r[0] == "--comment", r[0] == "--reject-with", r[0] == "-m" && r[1] == "comment":
			r = r[2:]
		default:
			return false
		}
	}
	return len(r) == 0
}

// is reports whether a rule that was read is the same. What all policies share has
// another comment from those releases of upstream that knew only one policy (1.1.1
// is the last that Debian 12 has).
func (p placed) is(r iptables.Listed) bool {
	if r.Chain != p.chain {
		return false
	}
	if slices.Equal(r.Rule, p.rule) {
		return true
	}
	return p.rule.Comment() == isolationComment && slices.EqualFunc(r.Rule, p.rule, func(have, want string) bool {
		return have == want || want == isolationComment && have == policyComment(sameBridge)
	})
}
