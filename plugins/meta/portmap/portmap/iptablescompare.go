package portmap

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/plugin"
)

func (viaIPTables) check(f *forward, _ []*forward) error {
	var errs []error
	for _, t := range f.targets() {
		have, err := iptables.Read(t.protocolFamily(), natTable)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if err := t.wanted(have).compare(have); err != nil {
			errs = append(errs, fmt.Errorf("could not check ipv%s dnat: %w", t.family(), err))
		}
	}
	return plugin.Join(errs...)
}

// compare returns one error for all that is not as it has to be.
func (w wanted) compare(have iptables.Contents) error {
	var errs []error
	missing := func(chain string, r iptables.Rule) {
		errs = append(errs, fmt.Errorf("rule %v in chain %s not found in table %s", []string(r), chain, natTable))
	}
	for _, r := range w.top() {
		if !containsRule(of(have, r.Chain), r.Rule) {
			missing(r.Chain, r.Rule)
		}
	}
	for _, jump := range w.jumps() {
		if !w.hasJump(have, jump) {
			missing(dnatChain, jump)
		}
	}
	switch rules := of(have, w.Chain); {
	case !slices.Contains(have.Chains, w.Chain):
		errs = append(errs, fmt.Errorf("chain %s not found in iptables table %s", w.Chain, natTable))
	case !sameRules(rules, w.rules()):
		lacks := false
		for _, r := range w.rules() {
			if !containsRule(rules, r) {
				missing(w.Chain, r)
				lacks = true
			}
		}
		if !lacks {
			errs = append(errs, errors.New("chain "+w.Chain+" has other rules, or in another order"))
		}
	}
	return plugin.Join(errs...)
}

// of returns the rules of a chain in their order.
func of(have iptables.Contents, chain string) []iptables.Rule {
	var rules []iptables.Rule
	for _, r := range have.Rules {
		if r.Chain == chain {
			rules = append(rules, r.Rule)
		}
	}
	return rules
}

func containsRule(rules []iptables.Rule, r iptables.Rule) bool {
	return slices.ContainsFunc(rules, func(have iptables.Rule) bool { return sameRule(have, r) })
}

func sameRules(a, b []iptables.Rule) bool { return slices.EqualFunc(a, b, sameRule) }

// sameRule compares rules by their words, of which the variants and releases of
// iptables print some in another order.
func sameRule(a, b iptables.Rule) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// withoutWords returns those words of a rule that are not among others, each as
// often as it is there more.
func withoutWords(r iptables.Rule, others []string) iptables.Rule {
	left := slices.Clone(others)
	return slices.DeleteFunc(slices.Clone(r), func(word string) bool {
		i := slices.IndexFunc(left, func(o string) bool { return strings.EqualFold(o, word) })
		if i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
		return i >= 0
	})
}
