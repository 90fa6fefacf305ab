package hostlink

import (
	"fmt"
	"os"
	"slices"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/restored"
)

// Repair returns what makes again, for interfaces of a kind, what records say and somebody
// took away. What containers have that are gone it removes.
func Repair(kind string) func() error {
	return recorded(kind, func(host *link.Namespace, reaches []*Reach) error {
		var errs []error
		for _, r := range reaches {
			if r.Sandbox.IsGone() {
				errs = append(errs, r.remove(host))
				continue
			}
			if r.Differences(host) != nil {
				restored.Of(r.Attachment)
			}
			err := r.refresh(host)
			if err == nil {
				err = r.make(host)
			}
			errs = append(errs, err)
		}
		return plugin.Join(errs...)
	})
}

// Downgrade returns the command that removes all of it, of which upstream's DEL knows
// nothing.
func Downgrade(kind string) func(args []string) error {
	run := recorded(kind, func(host *link.Namespace, reaches []*Reach) error {
		var errs []error
		gone := 0
		for _, r := range reaches {
			if r.Sandbox.IsGone() {
				gone++
			} else {
				fmt.Fprintf(os.Stderr, "%v: the host does not reach it any longer\n", r.Attachment)
			}
			errs = append(errs, r.remove(host))
		}
		err := plugin.Join(errs...)
		if err == nil {
			plugin.Downgraded(len(reaches)-gone, gone)
		}
		return err
	})
	return func(args []string) error {
		if err := plugin.NoArguments(args); err != nil {
			return err
		}
		return run()
	}
}

// recorded returns what works on the records of a kind.
func recorded(kind string, run func(host *link.Namespace, reaches []*Reach) error) func() error {
	return func() error {
		host, err := link.Host()
		if err != nil {
			return err
		}
		defer host.Close()
		return record.Alone(base, func() error {
			reaches, err := all(func(string) bool { return true })
			reaches = slices.DeleteFunc(reaches, func(r *Reach) bool { return r.Kind != kind })
			return plugin.Join(err, run(host, reaches), removeEmpty())
		})
	}
}
