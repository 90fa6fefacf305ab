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
		alive, err := r.alive(host)
		if err != nil {
			return err
		}
		gone, err := r.except(prefixes, alive)
		if err != nil {
			return err
		}
		if err := r.downgrade(alive, gone); err != nil {
			return err
		}
		for _, prefix := range prefixes {
			if err := record.Remove(r.path(prefix)); err != nil {
				return err
			}
		}
		plugin.Downgraded(len(alive), len(gone))
		return nil
	})
}

// except returns the records of those prefixes that are not of the known ones.
func (r Records) except(prefixes []string, known []Record) ([]Record, error) {
	var others []Record
	for _, prefix := range prefixes {
		if slices.ContainsFunc(known, func(kept Record) bool { return kept.Prefix() == prefix }) {
			continue
		}
		var kept Record
		found, err := record.Read(r.path(prefix), &kept)
		if err != nil {
			return nil, err
		}
		if found {
			others = append(others, kept)
		}
	}
	return others, nil
}

// downgrade rewrites the rules of those that are alive, and removes the others'.
func (r Records) downgrade(alive, gone []Record) error {
	var errs []error
	for _, kept := range gone {
		errs = append(errs, nat.Del(kept.Attachment, kept.networks()...))
	}
	for backend, all := range masqueradedBy(alive) {
		m, err := nat.Open(&backend)
		if err == nil {
			err = m.Downgrade(all)
		}
		errs = append(errs, err)
	}
	if r.Unrestrict != nil {
		errs = append(errs, r.Unrestrict(restricted(slices.Concat(alive, gone)), restricted(checkedByUpstream(alive))))
	}
	return plugin.Join(errs...)
}

// checkedByUpstream returns those whose hardware address upstream checks as well, and
// says whose IP addresses it does not.
func checkedByUpstream(all []Record) []Record {
	var checked []Record
	for _, kept := range all {
		if kept.IPSpoofChk {
			fmt.Fprintf(os.Stderr, "%v: its IP addresses are not checked any longer\n", kept.Attachment)
		}
		if kept.MACSpoofChk {
			checked = append(checked, kept)
		}
	}
	return checked
}
