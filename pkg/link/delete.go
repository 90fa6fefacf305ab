package link

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// Delete deletes the link called name if it is of the given kind ("veth",
// "macvlan", …). One that is gone, or that is of another kind and therefore
// somebody else's, is left as it is.
func (n *Namespace) Delete(name, kind string) error {
	return n.deleteIf(name, func(l netlink.Link) bool { return l.Type() == kind })
}

// deleteIf deletes the link called name, if there is one, on a condition.
func (n *Namespace) deleteIf(name string, condition func(netlink.Link) bool) error {
	l, err := n.LinkByName(name)
	if IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look %q up: %w", name, err)
	}
	if !condition(l) {
		return nil
	}
	return n.delete(l)
}

// delete tolerates that somebody else, or the end of a namespace, was faster.
func (n *Namespace) delete(l netlink.Link) error {
	if err := n.LinkDel(l); err != nil && !IsNotFound(err) {
		return fmt.Errorf("delete %q: %w", l.Attrs().Name, err)
	}
	return nil
}
