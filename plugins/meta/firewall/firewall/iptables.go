package firewall

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// viaIPTables has upstream's rules in upstream's order, in the table filter:
//
//	-A FORWARD -j CNI-ISOLATION-STAGE-1
//	-A FORWARD -j CNI-FORWARD
//	-A CNI-FORWARD -j CNI-ADMIN
//	-A CNI-FORWARD -d 10.50.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
//	-A CNI-FORWARD -s 10.50.0.2/32 -j ACCEPT
//	-A CNI-FORWARD -d 10.50.0.2/32 -m conntrack --ctstate DNAT -j ACCEPT
//	-A CNI-ISOLATION-STAGE-1 -i cni0 -o cni0 -j DROP
//	-A CNI-ISOLATION-STAGE-1 -i cni0 ! -o cni0 -j CNI-ISOLATION-STAGE-2
//	-A CNI-ISOLATION-STAGE-1 -j RETURN
//	-A CNI-ISOLATION-STAGE-2 -o cni0 -j DROP
//	-A CNI-ISOLATION-STAGE-2 -j RETURN
//
// (with comments, which are left out here), and behind those of each address one for what
// was translated to it. As nothing tells whose a rule is, the
// state does.
type viaIPTables struct{}

const filter = "filter"

func (viaIPTables) apply(_ context.Context, c change) error {
	plans := map[iptables.Family]*plan{}
	var families []iptables.Family
	for _, f := range iptables.Families() {
		if p := planWanted(f, c); !p.empty() {
			plans[f], families = p, append(families, f)
		}
	}
	return iptables.Change(filter, families, func(t *iptables.Table) error {
		plans[t.Family].change(t)
		return nil
	})
}

func (viaIPTables) remove(c change) error {
	return iptables.Remove(filter, func(t *iptables.Table) error {
		c := c
		if c.bridge != "" {
			if stay, err := c.hasStrangers(t); err != nil {
				return err
			} else if stay {
				c = c.withoutBridge()
			}
		}
		if len(c.of(t.Family)) > 1 {
			t.Rules(forwardChain) // once for all
		}
		planRemove(t.Family, c).change(t)
		return nil
	}).Run()
}

// hasStrangers reports whether a rule lets a stranger through.
func (c change) hasStrangers(t *iptables.Table) (bool, error) {
	if c.isStranger == nil {
		return false, nil
	}
	for _, r := range t.Rules(forwardChain) {
		source := r.Source()
		if source == nil {
			continue
		}
		address, _ := netip.AddrFromSlice(source.IP)
		if is, err := c.isStranger(address.Unmap()); err != nil || is {
			return is, err
		}
	}
	return false, nil
}

func (viaIPTables) available() error { return iptables.Available() }

func (viaIPTables) check(c change) error {
	var errs []error
	for _, f := range iptables.Families() {
		p := planWanted(f, c)
		if len(p.wanted) == 0 {
			continue
		}
		errs = append(errs, iptables.Check(filter, f, func(t *iptables.Table) error { return plugin.Join(p.missing(t)...) }))
	}
	return plugin.Join(errs...)
}

// change makes of what there is what there has to be.
func (p *plan) change(t *iptables.Table) {
	moved := p.misplaced(t)
	for _, m := range moved {
		t.Delete(m.chain, m.in(t)...)
	}
	for _, s := range p.stale {
		t.Delete(s.chain, p.unwanted(s.in(t), s.chain)...)
	}
	for _, chain := range p.chains {
		if !t.HasChain(chain) {
			t.NewChain(chain)
		}
	}
	for _, w := range p.wanted {
		switch {
		case slices.ContainsFunc(moved, w.same), !w.fresh && w.isIn(t):
		case w.top:
			t.Insert(w.chain, w.rule)
		default:
			t.Append(w.chain, w.rule)
		}
	}
	for _, m := range moved {
		t.Insert(m.chain, m.rule)
	}
}

// unwanted returns those of the rules of a chain that are not wanted. Where comments are
// gone, some that are stale cannot be told from those.
func (p *plan) unwanted(rules []iptables.Listed, chain string) []iptables.Listed {
	return slices.DeleteFunc(rules, func(r iptables.Listed) bool {
		return slices.ContainsFunc(p.wanted, func(w placed) bool { return w.chain == chain && w.is(r.Rule) })
	})
}

// missing returns an error for each rule that is not as it has to be, with upstream's
// text.
func (p *plan) missing(t *iptables.Table) []error {
	var errs []error
	for _, w := range p.wanted {
		if w.isIn(t) {
			continue
		}
		chain := w.chain + " "
		if w.ofAddress {
			chain = ""
		}
		errs = append(errs, fmt.Errorf("expected %srule %v not found", chain, []string(w.rule)))
	}
	for _, s := range p.stale {
		if len(p.unwanted(s.in(t), s.chain)) > 0 {
			errs = append(errs, fmt.Errorf("unexpected %s rule %v", s.chain, []string(s.rule)))
		}
	}
	o := lookAtOrder(t)
	if o.isolationMisplaced {
		errs = append(errs, fmt.Errorf("%s comes after %s, or what lets all packets through, in %s", stage1, forwardChain, builtin))
	}
	if o.forwardBlocked {
		errs = append(errs, fmt.Errorf("%s comes after what drops all packets in %s", forwardChain, builtin))
	}
	return errs
}
