package daemon

import (
	"fmt"
	"slices"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// check compares the lease, what ADD reported, and what the interface has. It
// returns one error for all differences.
func (b *binding) check(args *plugin.CmdArgs) error {
	r := b.snapshot()
	previous, err := plugin.PrevResult(args.StdinData)
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range b.keepers {
		if t, leased := k.times(); !leased || !time.Now().Before(t.expiry) {
			errs = append(errs, fmt.Errorf("%s of %s is over, looking for a new one", k.title, r.Name))
		}
	}
	r.RA = nil // the kernel's own affair
	leased := result(b.conf, &r)
	errs = append(errs, compare(previous, leased)...)
	return plugin.Join(append(errs, b.compareInterface(args, &r, leased))...)
}

// compare tells which addresses are no longer those that ADD reported, if that
// is known.
func compare(previous, leased *current.Result) []error {
	if previous == nil {
		return nil
	}
	var errs []error
	for _, now := range leased.IPs {
		reported := func(then *current.IPConfig) bool { return ip.SameNet(&then.Address, &now.Address) }
		if !slices.ContainsFunc(previous.IPs, reported) {
			errs = append(errs, fmt.Errorf("address %v is leased, but not in prevResult", &now.Address))
		}
	}
	return errs
}

// compareInterface compares what the interface has.
func (b *binding) compareInterface(args *plugin.CmdArgs, r *store.Record, leased *current.Result) error {
	n, err := link.Open(b.daemon.options.HostPrefix + args.Netns)
	if err != nil {
		return err
	}
	defer n.Close()
	id, err := identify(n)
	if err != nil {
		return err
	}
	if id != r.Namespace {
		return fmt.Errorf("lease is for another namespace than %s", args.Netns)
	}
	l, err := n.LinkByName(r.IfName)
	if err == nil && l.Attrs().Index != r.Index {
		return fmt.Errorf("lease is for another interface than %s is now", r.IfName)
	}
	expected := check.Expect{Name: r.IfName}
	for _, config := range leased.IPs {
		expected.Addrs = append(expected.Addrs, netlink.Addr{IPNet: &config.Address})
	}
	return expected.Compare(n)
}
