package firewall

import (
	"context"
	"errors"
	"fmt"
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
		p.certain = p.certain && p.mayHaveJumps()
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

// mayHaveJumps reports whether the jumps that are assumed, and that lead to other
// rules, may be there. They are not after a flush. If they cannot be looked for, it
// is tried without.
func (p *plan) mayHaveJumps() bool {
	var jumps []iptables.Jump
	for _, r := range slices.Concat(p.wanted, p.stale) {
		jump := iptables.Jump{From: r.chain, To: r.rule.Target()}
		if r.ofAddress {
			jump = iptables.Jump{From: builtin, To: forwardChain}
		}
		isVerdict := slices.Contains([]string{"ACCEPT", "DROP", "RETURN"}, jump.To)
		if r.assumed && !isVerdict && !slices.Contains(jumps, jump) {
			jumps = append(jumps, jump)
		}
	}
	may, err := iptables.MayJump(p.family, filter, jumps...)
	return may || err != nil
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
	moved := p.misplaced(v)
	v.remove(tx, slices.Concat(p.stale, moved))
	for _, w := range p.wanted {
		switch there := v.like(w); {
		case slices.ContainsFunc(moved, w.same):
		case len(there) > 0:
			tx.Require(w.chain, there[0])
		case w.top:
			tx.Insert(w.chain, w.rule)
		default:
			tx.Append(w.chain, w.rule)
		}
	}
	for _, w := range moved {
		tx.Insert(w.chain, w.rule)
	}
	return tx
}

// misplaced returns the jumps that have to be at the start of their chain to have an
// effect, the first one last.
func (p *plan) misplaced(v view) []placed {
	wants := func(w placed) bool { return slices.ContainsFunc(p.wanted, w.same) }
	var moved []placed
	if wants(jumpForward()) && v.blocked() {
		moved = append(moved, jumpForward())
	}
	newJump := wants(jumpForward()) && (len(moved) > 0 || len(v.like(jumpForward())) == 0)
	if v.misplaced(newJump) || len(moved) > 0 && wants(jumpIsolation()) {
		moved = append(moved, jumpIsolation())
	}
	return moved
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
		errs = append(errs, fmt.Errorf("%s comes after %s, or what lets all packets through, in %s", stage1, forwardChain, builtin))
	}
	if t.blocked() {
		errs = append(errs, fmt.Errorf("%s comes after what drops all packets in %s", forwardChain, builtin))
	}
	return errs
}
