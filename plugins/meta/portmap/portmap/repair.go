package portmap

import (
	"errors"
	"fmt"
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/runstate"
)

// repair makes again what attachments with a record had and somebody flushed. What
// is there stays as it is.
func repair(args []string) error {
	if err := plugin.NoArguments(args); err != nil || !hasRecords() {
		return err
	}
	var mended []*forward
	err := runstate.Repairing(directory, func() error {
		return locked(func() (err error) {
			mended, err = repairRecorded()
			return err
		})
	})
	// Meanwhile the host itself got the packets.
	for _, f := range mended {
		f.forgetStaleFlows()
	}
	return err
}

// repairRecorded repairs with every backend. The caller has locked.
func repairRecorded() ([]*forward, error) {
	all, err := records()
	if err != nil {
		return nil, err
	}
	var mended []*forward
	errs := []error{repairGuard(all)}
	for _, b := range backends() {
		made, err := b.repair(all)
		mended, errs = append(mended, made...), append(errs, err)
	}
	return mended, plugin.Join(errs...)
}

// repairGuard makes the guard, if there is any connection to localhost to let
// through.
func repairGuard(all []*forward) error {
	var errs []error
	for _, f := range all {
		key, err := f.localhostKey()
		if err != nil {
			errs = append(errs, f.lost(err))
		} else if key != "" {
			return plugin.Join(append(errs, guard())...)
		}
	}
	return plugin.Join(errs...)
}

// ofBackend returns the attachments of a backend.
func ofBackend(all []*forward, backend string) []*forward {
	var mine []*forward
	for _, f := range all {
		if f.Backend == backend {
			mine = append(mine, f)
		}
	}
	return mine
}

// lost is the error about an attachment that could not be repaired.
func (f *forward) lost(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%v: %w", f.Attachment, err)
}

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

func (viaNFTables) repair(all []*forward) ([]*forward, error) {
	mine := ofBackend(all, backendNFTables)
	if len(mine) == 0 {
		return nil, nil
	}
	c, err := nft.Dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var mended, conditional []*forward
	err = change(c, func(x *changes) error {
		x.again = true
		if err := x.addSkeleton(); err != nil {
			return err
		}
		if err := x.installAll(all); err != nil {
			return err
		}
		conditional, err = x.removeIncomplete(mine)
		mended = append(x.installed, conditional...)
		return err
	})
	if err != nil || addConditional(conditional...) == nil {
		return mended, err
	}
	var errs []error
	for _, f := range conditional {
		errs = append(errs, f.lost(addConditional(f)))
	}
	return mended, plugin.Join(errs...)
}

// removeIncomplete removes what there is of mappings with conditions of which
// something is missing, and returns the attachments.
func (x *changes) removeIncomplete(all []*forward) ([]*forward, error) {
	var incomplete []*forward
	for _, f := range all {
		for _, t := range f.conditionalTargets() {
			complete, err := t.hasConditional(x.c)
			if err != nil {
				return nil, err
			}
			if complete {
				continue
			}
			incomplete = append(incomplete, f)
			if err := x.removeConditional(f); err != nil {
				return nil, err
			}
			break
		}
	}
	return incomplete, nil
}
