package rules

import (
	"fmt"
	"os"
	"slices"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// Downgrade is the command that gives what the records say the form of upstream's, so
// that upstream's DEL finds it, and forgets the records. What containers have that are
// gone it removes.
func (r Records) Downgrade(args []string) error {
	return r.exclusively(args, func(host *link.Namespace) error {
		prefixes, err := r.prefixes()
		if err != nil {
			return err
		}
		all, err := r.all(host)
		if err != nil {
			return err
		}
		living := slices.Concat(all[alive], all[unknown])
		if err := r.downgrade(living, all[gone]); err != nil {
			return err
		}
		for _, prefix := range prefixes {
			if err := record.Remove(r.path(prefix)); err != nil {
				return err
			}
		}
		plugin.Downgraded(len(living), len(all[gone]))
		return nil
	})
}

// downgrade rewrites the rules of the living, and removes those of the others.
func (r Records) downgrade(living, gone []Record) error {
	var errs []error
	for _, kept := range gone {
		errs = append(errs, nat.Del(kept.Attachment, kept.networks()...))
	}
	for backend, all := range masqueradedBy(living) {
		m, err := nat.Open(&backend)
		if err == nil {
			err = m.Downgrade(all)
		}
		errs = append(errs, err)
	}
	if r.Unrestrict != nil {
		errs = append(errs, r.Unrestrict(restricted(slices.Concat(living, gone)), restricted(checkedByUpstream(living))))
	}
	return plugin.Join(errs...)
}

// checkedByUpstream returns those whose hardware address upstream checks as well, as the
// configuration has its key for that, and says what it does not check.
func checkedByUpstream(all []Record) []Record {
	var checked []Record
	for _, kept := range all {
		unchecked := "IP and hardware"
		if kept.MACSpoofChk {
			checked = append(checked, kept)
			unchecked = "IP"
		}
		if kept.IPSpoofChk {
			fmt.Fprintf(os.Stderr, "%v: its %s addresses are not checked any longer\n", kept.Attachment, unchecked)
		}
	}
	return checked
}
