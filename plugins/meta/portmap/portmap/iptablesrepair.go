package portmap

import (
	"fmt"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/plugin"
)

func (viaIPTables) repair(all []*forward) ([]*forward, error) {
	var (
		mended []*forward
		errs   []error
	)
	all = ofBackend(all, backendIPTables)
	for _, family := range iptables.Families() {
		var targets []target
		for _, f := range all {
			if t, has := f.inFamily(family); has {
				targets = append(targets, t)
			}
		}
		if len(targets) > 0 {
			made, err := repairTargets(family, targets)
			mended, errs = append(mended, made...), append(errs, err)
		}
	}
	return mended, plugin.Join(errs...)
}

// repairTargets repairs those of one family, the oldest first, in one transaction.
// If that does not go through, one of them may be the reason, and each gets one of
// its own.
func repairTargets(family iptables.Family, targets []target) ([]*forward, error) {
	mended, errs, err := mend(family, targets)
	if err == nil {
		return mended, plugin.Join(errs...)
	}
	mended, errs = nil, nil
	for _, t := range targets {
		made, lost, err := mend(family, []target{t})
		mended, errs = append(mended, made...), append(append(errs, lost...), t.lost(err))
	}
	return mended, plugin.Join(errs...)
}

// mend repairs the targets, all of them or none if err says why. It returns those that
// lacked anything, and errors for those that cannot be repaired.
func mend(family iptables.Family, targets []target) (mended []*forward, errs []error, err error) {
	err = iptables.Change(natTable, []iptables.Family{family}, func(table *iptables.Table) error {
		mended, errs = nil, nil
		table.Rules(dnatChain) // once for all
		for _, t := range targets {
			w := t.wanted(table)
			if err := w.externalChain(); err != nil {
				errs = append(errs, t.lost(err))
			} else if w.repair(mended) {
				mended = append(mended, t.forward)
			}
		}
		return nil
	})
	return mended, errs, err
}

// externalChain returns an error if the chain that somebody else makes is missing.
func (w wanted) externalChain() error {
	if w.MarkChain == "" || !w.SNAT || w.table.HasChain(w.MarkChain) {
		return nil
	}
	return fmt.Errorf("chain %s, to mark packets with, does not exist", w.MarkChain)
}

// repair adds what the target lacks, and reports whether that was anything. What is
// there of it comes behind the older attachments that were mended, if these want
// any of its ports.
func (w wanted) repair(mended []*forward) bool {
	if w.has() {
		for _, older := range mended {
			if w.meets(older) != nil {
				w.addTop()
				w.replaceChain()
				return true
			}
		}
	}
	return w.correct()
}
