package link

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
)

// dropAltNames takes those alternative names from a device of n that it did not have
// on the host, its own name among them, or that another link of the host has by now:
// the kernel moves and renames nothing to a name that is in use. What upstream has moved
// had unknown ones.
func (o *Origin) dropAltNames(n *Namespace, l netlink.Link, host *Namespace) error {
	for _, name := range l.Attrs().AltNames {
		had := slices.Contains(o.AltNames, name) || o.Kind == "" && name != o.Name
		if had && (n == host || host.isFree(name) == nil) {
			continue
		}
		if err := n.LinkDelAltName(l, name); err != nil {
			return fmt.Errorf("take alternative name %q from %q: %w", name, l.Attrs().Name, err)
		}
	}
	return nil
}

// restoreAltNames gives a device of the host its alternative names back, unless another
// link has them by now.
func (o *Origin) restoreAltNames(host *Namespace, l netlink.Link) error {
	for _, name := range o.AltNames {
		if host.isFree(name) != nil {
			continue
		}
		if err := host.LinkAddAltName(l, name); err != nil && !isRefusal(err) {
			return fmt.Errorf("give %q alternative name %q: %w", o.Name, name, err)
		}
	}
	return nil
}
