package firewall

import (
	"fmt"
	"net/netip"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

const kind = "firewall"

// holdings returns what records tell, and rules of iptables of which none does, as upstream
// makes them: these know nothing but an address.
func holdings([]owner.Attachment) ([]plugin.Holding, error) {
	var found []plugin.Holding
	s := new(state)
	prefixes, err := s.attachments()
	errs := []error{err}
	recorded := map[netip.Addr]bool{}
	for _, prefix := range prefixes {
		h := plugin.Holding{Prefix: prefix, Kind: kind, What: recordPath(prefix)}
		r, err := s.record(prefix)
		errs = append(errs, err)
		if r != nil {
			h = plugin.Holding{Attachment: r.owner(), Kind: kind, What: fmt.Sprintf("of %v, %s", r.Addresses, r.Backend), Gone: r.Sandbox.IsGone()}
			for _, a := range r.Addresses {
				recorded[a] = true
			}
		}
		found = append(found, h)
	}
	err = iptables.Look(filter, func(t *iptables.Table) error {
		for _, r := range t.Rules(forwardChain) {
			source := r.Source()
			if source == nil || r.Target() != "ACCEPT" {
				continue
			}
			if a, ok := netip.AddrFromSlice(source.IP); ok && !recorded[a.Unmap()] && source.String() == host(a.Unmap()) {
				found = append(found, plugin.Holding{
					Address: a.Unmap(), Kind: kind, What: fmt.Sprintf("of [%s], iptables, of containernetworking/plugins", a.Unmap()),
				})
			}
		}
		return nil
	})
	return found, plugin.Join(append(errs, err)...)
}
