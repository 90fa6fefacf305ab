package rules

import (
	"sync"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Remove removes the attachment's veth pair and its masquerade, whether or not the
// configuration still asks for one, and others of its rules that are in nftables.
// container may be nil if its namespace is gone.
func (r Records) Remove(host, container *link.Namespace, a owner.Attachment, others ...nft.Removal) error {
	kept, forgotten := r.forget(a.Prefix())
	masqueraded := nat.Masqueraded{Attachment: a, Addresses: kept.networks()}
	return plugin.Join(forgotten, nat.DelBeside(masqueraded, host.Do, func() error {
		return link.DeleteOwnedVeth(host, container, a)
	}, others...))
}

// Collect does the same for the network's attachments that are not among the valid
// ones. others are the GCs of other rules, and run in the host's namespace.
func (r Records) Collect(host *link.Namespace, network string, valid []owner.Attachment, others ...func(string, []owner.Attachment) error) error {
	stale, forgotten := r.collect(network, valid)
	parts := []func() error{func() error { return host.CollectOwned(network, valid) }}
	masquerade := func(network string, valid []owner.Attachment) error { return nat.GC(network, valid, stale...) }
	for _, gc := range append(others, masquerade) {
		parts = append(parts, func() error {
			return host.Do(func() error { return gc(network, valid) })
		})
	}
	return plugin.Join(forgotten, together(parts))
}

// together runs the parts of a removal at the same time and joins their errors: the
// deletion of a link and that of a rule each wait for an RCU grace period, and may
// wait for the same one.
func together(parts []func() error) error {
	errs := make([]error, len(parts))
	var running sync.WaitGroup
	for i, part := range parts {
		running.Go(func() { errs[i] = plugin.Guard(part) })
	}
	running.Wait()
	return plugin.Join(errs...)
}
