package portmap

import (
	"fmt"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/restored"
)

// repair makes again what attachments with a record had and somebody flushed. What
// is there stays as it is.
func repair() error {
	if !hasRecords() {
		return nil
	}
	var mended []*forward
	err := record.Repairing(directory, func() error {
		return locked(func() (err error) {
			mended, err = repairRecorded()
			return err
		})
	})
	// Meanwhile the host itself got the packets.
	for _, f := range mended {
		restored.Of(f.Attachment)
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
	all, err = bury(all)
	var mended []*forward
	errs := []error{err, repairGuard(all)}
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
