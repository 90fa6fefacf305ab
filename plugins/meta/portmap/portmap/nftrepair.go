package portmap

import (
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/plugin"
)

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
		if err := x.installAll(all, func(entry) bool { return true }); err != nil {
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
