package firewall

import (
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
)

// order is how the jumps in the built-in chain are, to each other and to what decides
// about all packets.
type order struct {
	hasForward bool
	// isolationMisplaced says that packets are let through before policies see them.
	isolationMisplaced bool
	// forwardBlocked says that all packets are dropped before any are let through.
	forwardBlocked bool
	hasIsolation   bool
}

// lookAtOrder reads no more of the built-in chain, which may have many rules of others,
// than it needs.
func lookAtOrder(t *iptables.Table) order {
	forward, isolation := jumpForward(), jumpIsolation()
	var rules []iptables.Listed
	if t.HasChain(forwardChain) {
		rules = t.Until(builtin, forward.is)
	}
	if t.HasChain(stage1) && !slices.ContainsFunc(rules, func(r iptables.Listed) bool { return isolation.is(r.Rule) }) {
		rules = t.Rules(builtin)
	}
	var o order
	accepted, dropped := false, false
	for _, r := range rules {
		switch {
		case forward.is(r.Rule) && !o.hasForward:
			o.hasForward, o.forwardBlocked = true, dropped
		case isolation.is(r.Rule) && !o.hasIsolation:
			o.hasIsolation, o.isolationMisplaced = true, accepted || o.hasForward
		case r.IsUnconditional():
			accepted = accepted || r.Target() == "ACCEPT"
			dropped = dropped || r.Target() == "DROP" || r.Target() == "REJECT"
		}
	}
	return o
}

// misplaced returns the jumps that have to be at the start of their chain to have an
// effect, the first one last.
func (p *plan) misplaced(t *iptables.Table) []placed {
	wants := func(w placed) bool { return slices.ContainsFunc(p.wanted, w.same) }
	if !wants(jumpForward()) && !wants(jumpIsolation()) {
		return nil
	}
	o := lookAtOrder(t)
	var moved []placed
	if wants(jumpForward()) && o.forwardBlocked {
		moved = append(moved, jumpForward())
	}
	newJump := wants(jumpForward()) && (len(moved) > 0 || !o.hasForward)
	if o.hasIsolation && (o.isolationMisplaced || newJump) || len(moved) > 0 && wants(jumpIsolation()) {
		moved = append(moved, jumpIsolation())
	}
	return moved
}

// is reports whether a rule that was found is the same. What all policies share has
// another comment from those releases of upstream that knew only one policy (1.1.1
// is the last that Debian 12 has).
func (p placed) is(r iptables.Rule) bool {
	return slices.ContainsFunc(p.forms(), r.IsLike)
}

// forms returns the rule with each comment that it may have.
func (p placed) forms() []iptables.Rule {
	if p.rule.Comment() != isolationComment {
		return []iptables.Rule{p.rule}
	}
	older := slices.Clone(p.rule)
	older[slices.Index(older, isolationComment)] = policyComment(sameBridge)
	return []iptables.Rule{p.rule, older}
}

// in returns the rules of the table that are the same.
func (p placed) in(t *iptables.Table) []iptables.Listed {
	var rules []iptables.Listed
	for _, form := range p.forms() {
		for _, r := range t.Like(p.chain, form) {
			if !slices.ContainsFunc(rules, r.Is) {
				rules = append(rules, r)
			}
		}
	}
	return rules
}

func (p placed) isIn(t *iptables.Table) bool {
	return slices.ContainsFunc(p.forms(), func(form iptables.Rule) bool { return t.Has(p.chain, form) })
}
