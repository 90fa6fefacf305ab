package portmap

import (
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
)

// draft is a transaction on the table nat, and what the table will have after it.
type draft struct {
	iptables.Contents
	tx *iptables.Transaction
}

func newDraft(f iptables.Family, have iptables.Contents) *draft {
	return &draft{have, &iptables.Transaction{Family: f, Table: natTable}}
}

func (d *draft) newChain(chain string) {
	d.tx.NewChain(chain)
	d.Chains = append(d.Chains, chain)
}

func (d *draft) append(chain string, r iptables.Rule) {
	d.tx.Append(chain, r)
	d.Rules = append(d.Rules, iptables.Listed{Chain: chain, Rule: r})
}

func (d *draft) insert(chain string, r iptables.Rule) {
	d.tx.Insert(chain, r)
	d.Rules = slices.Insert(d.Rules, 0, iptables.Listed{Chain: chain, Rule: r})
}

// removeChain removes a chain, if it is there, and what leads to it.
func (d *draft) removeChain(chain string) {
	if !slices.Contains(d.Chains, chain) {
		return
	}
	gone := func(r iptables.Listed) bool { return r.Chain == chain || r.Rule.Target() == chain }
	for _, r := range d.Rules {
		if r.Rule.Target() == chain {
			d.tx.Delete(r.Chain, r.Rule)
		}
	}
	d.tx.DeleteChain(chain)
	d.Chains = slices.DeleteFunc(d.Chains, func(c string) bool { return c == chain })
	d.Rules = slices.DeleteFunc(d.Rules, gone)
}

// correct makes of what there is what the target has to have.
func (t target) correct(d *draft) {
	w := t.wanted(d.Contents)
	w.addTop(d)
	if !w.has(d.Contents) {
		d.removeChain(t.Chain)
		w.addChain(d)
	}
}
