package firewall

import (
	"context"
	"errors"
	"fmt"

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
//	-A CNI-ISOLATION-STAGE-1 -i cni0 -o cni0 -j DROP
//	-A CNI-ISOLATION-STAGE-1 -i cni0 ! -o cni0 -j CNI-ISOLATION-STAGE-2
//	-A CNI-ISOLATION-STAGE-1 -j RETURN
//	-A CNI-ISOLATION-STAGE-2 -o cni0 -j DROP
//	-A CNI-ISOLATION-STAGE-2 -j RETURN
//
// (with comments, which are left out here). As nothing tells whose a rule is, the
// state does. A change usually is one process per family: it goes by what the
// state says is there, and requires it. Only where that turns out wrong, or is
// not known, the table is read.
type viaIPTables struct{}

const filter = "filter"

// attempts is how often a change is tried anew after somebody else changed the
// table between the look and the change.
const attempts = 10

func (viaIPTables) apply(_ context.Context, c change) error {
	var plans []*plan
	for _, f := range []iptables.Family{iptables.IPv4, iptables.IPv6} {
		p, err := planApply(f, c)
		if err != nil {
			return err
		}
		plans = append(plans, p)
	}
	return run(plans)
}

func (viaIPTables) remove(c change) error {
	if !iptables.Installed() {
		return nil
	}
	return run([]*plan{planRemove(iptables.IPv4, c), planRemove(iptables.IPv6, c)})
}

// run makes the changes, of both families at once.
func run(plans []*plan) error {
	var (
		txs  = make([]*iptables.Transaction, len(plans))
		errs = make([]error, len(plans))
	)
	for i, p := range plans {
		txs[i] = p.transaction(assumed{})
		if !p.certain {
			txs[i] = &iptables.Transaction{Family: p.family, Table: filter}
		}
	}
	for i, err := range iptables.Apply(txs...) {
		if p := plans[i]; err != nil || !p.certain {
			errs[i] = p.runLooking(err)
		}
	}
	return plugin.Join(errs...)
}

// runLooking makes the changes that the table needs as it is. reason is why an
// attempt without a look failed.
func (p *plan) runLooking(reason error) error {
	for n := 1; ; n++ {
		if p.empty() {
			return nil
		}
		contents, err := iptables.Read(p.family, filter)
		if err != nil {
			return errors.Join(reason, err)
		}
		err = errors.Join(iptables.Apply(p.transaction(found{contents, n > 2}))...)
		if err == nil || n == attempts {
			return err
		}
		reason = err
	}
}

func (viaIPTables) available() error {
	if !iptables.Installed() {
		return errors.New("iptables is not installed")
	}
	return nil
}

func (viaIPTables) check(c change) error {
	var errs []error
	for _, f := range []iptables.Family{iptables.IPv4, iptables.IPv6} {
		p := planWanted(f, c)
		if len(p.wanted) == 0 {
			continue
		}
		contents, err := iptables.Read(f, filter)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, p.missing(found{Contents: contents})...)
	}
	return plugin.Join(errs...)
}

// transaction returns the changes that what there is needs. It requires what it
// does not add.
func (p *plan) transaction(v view) *iptables.Transaction {
	tx := &iptables.Transaction{Family: p.family, Table: filter}
	for _, chain := range p.chains {
		if !v.has(chain) {
			tx.NewChain(chain)
		}
	}
	v.remove(tx, p.stale)
	newJump := false
	for _, w := range p.wanted {
		switch there := v.like(w); {
		case len(there) > 0:
			tx.Require(w.chain, there[0])
		case w.top:
			tx.Insert(w.chain, w.rule)
			newJump = newJump || w.same(jumpForward())
		default:
			tx.Append(w.chain, w.rule)
		}
	}
	if v.misplaced(newJump) {
		v.remove(tx, []placed{jumpIsolation()})
		tx.Insert(builtin, jumpIsolation().rule)
	}
	return tx
}

// missing returns an error for each rule that is not there, with upstream's text.
func (p *plan) missing(t found) []error {
	var errs []error
	for _, w := range p.wanted {
		if len(t.like(w)) > 0 {
			continue
		}
		chain := w.chain + " "
		if w.ofAddress {
			chain = ""
		}
		errs = append(errs, fmt.Errorf("expected %srule %v not found", chain, []string(w.rule)))
	}
	for _, s := range p.stale {
		if len(t.like(s)) > 0 {
			errs = append(errs, fmt.Errorf("unexpected %s rule %v", s.chain, []string(s.rule)))
		}
	}
	if t.misplaced(false) {
		errs = append(errs, fmt.Errorf("%s comes after %s in %s", stage1, forwardChain, builtin))
	}
	return errs
}
