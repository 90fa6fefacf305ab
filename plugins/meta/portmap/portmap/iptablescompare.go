package portmap

import (
	"errors"
	"fmt"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/plugin"
)

func (viaIPTables) check(f *forward, _ []*forward) error {
	var errs []error
	for _, t := range f.targets() {
		err := iptables.Check(natTable, t.protocolFamily(), func(table *iptables.Table) error { return t.wanted(table).compare() })
		if err != nil {
			errs = append(errs, fmt.Errorf("could not check ipv%s dnat: %w", t.family(), err))
		}
	}
	return plugin.Join(errs...)
}

// compare returns one error for all that is not as it has to be.
func (w wanted) compare() error {
	var errs []error
	missing := func(chain string, r iptables.Rule) {
		errs = append(errs, fmt.Errorf("rule %v in chain %s not found in table %s", []string(r), chain, natTable))
	}
	for _, r := range w.top() {
		if !w.table.Has(r.chain, r.rule) {
			missing(r.chain, r.rule)
		}
	}
	for _, jump := range w.jumps() {
		if !w.hasJump(jump) {
			missing(dnatChain, jump)
		}
	}
	switch {
	case !w.table.HasChain(w.Chain):
		errs = append(errs, fmt.Errorf("chain %s not found in iptables table %s", w.Chain, natTable))
	case !sameRules(w.table.Rules(w.Chain), w.rules()):
		lacks := false
		for _, r := range w.rules() {
			if !w.table.Has(w.Chain, r) {
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
