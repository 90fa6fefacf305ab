package portmap

import (
	"errors"
	"fmt"
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/plugin"
)

func (viaIPTables) repair(all []*forward) ([]*forward, error) {
	var (
		mended []*forward
		errs   []error
	)
	all = ofBackend(all, backendIPTables)
	for _, family := range allFamilies() {
		var targets []target
		for _, f := range all {
			for _, t := range f.targets() {
				if t.protocolFamily() == family {
					targets = append(targets, t)
				}
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
	have, err := iptables.Read(family, natTable)
	if err != nil {
		return nil, err
	}
	d := newDraft(family, have)
	var (
		mended []*forward
		errs   []error
	)
	for _, t := range targets {
		if err := t.externalChain(have); err != nil {
			errs = append(errs, t.lost(err))
		} else if t.repair(d, mended) {
			mended = append(mended, t.forward)
		}
	}
	if err := errors.Join(iptables.Apply(d.tx)...); err == nil {
		return mended, plugin.Join(errs...)
	}
	mended, errs = nil, nil
	for _, t := range targets {
		tx, err := t.correction()
		if err == nil && !tx.Empty() {
			mended = append(mended, t.forward)
			err = errors.Join(iptables.Apply(tx)...)
		}
		errs = append(errs, t.lost(err))
	}
	return mended, plugin.Join(errs...)
}

// externalChain returns an error if the chain that somebody else makes is missing.
func (t target) externalChain(have iptables.Contents) error {
	if t.MarkChain == "" || !t.SNAT || slices.Contains(have.Chains, t.MarkChain) {
		return nil
	}
	return fmt.Errorf("chain %s, to mark packets with, does not exist", t.MarkChain)
}

// repair adds what the target lacks, and reports whether that was anything. What is
// there of it comes behind the older attachments that were mended, if these want
// any of its ports.
func (t target) repair(d *draft, mended []*forward) bool {
	if t.wanted(d.Contents).has(d.Contents) {
		for _, older := range mended {
			if t.meets(older) != nil {
				d.removeChain(t.Chain)
				break
			}
		}
	}
	before := d.tx.Len()
	t.correct(d)
	return d.tx.Len() > before
}
