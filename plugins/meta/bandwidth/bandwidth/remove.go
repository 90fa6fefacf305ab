package bandwidth

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// Remove removes the limits on the host and in the container, if that is there.
func (c *Conf) Remove(a *chained.Attachment) error {
	if c.ingress == nil && c.egress == nil && !mayBeLimited(a.Attachment) {
		return nil
	}
	if err := remove(a); err != nil {
		return err
	}
	return record.Remove(notePath(a.Attachment))
}

func remove(a *chained.Attachment) error {
	host, err := link.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	container, err := link.Open(a.Args.Netns)
	if ns.IsGone(err) {
		a.Attachment = noted(a.Attachment)
		return removeFromHost(host, nil, a)
	}
	if err != nil {
		return plugin.Join(removeFromHost(host, nil, a), err)
	}
	defer container.Close()
	if tag := link.TagOf(host, container, a.IfName); !a.Owns(tag) {
		if known, ok := a.Attachment.Former(tag); ok {
			a.Attachment = known
		}
		a.Attachment = noted(a.Attachment) // which a container cannot write, as it can the tag
	}
	l, err := interfaceOf(container, a)
	return plugin.Join(err, removeFromHost(host, l, a), removeInside(container, l, a))
}

// interfaceOf returns the container's interface, or nil if it is gone. The path of
// a dead container's namespace may be in use again: another attachment's interface
// is none.
func interfaceOf(container *link.Namespace, a *chained.Attachment) (netlink.Link, error) {
	l, err := container.LinkByName(a.IfName)
	switch {
	case link.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look %q up: %w", a.IfName, err)
	case link.IsOthers(l, a.Attachment):
		return nil, nil
	}
	return l, nil
}

// removeFromHost removes what is on the host. l is the container's interface, or
// nil.
func removeFromHost(host *link.Namespace, l netlink.Link, a *chained.Attachment) error {
	made, err := devices(host, a.Attachment)
	if err != nil {
		return err
	}
	end, err := hostEnd(host, l, a, made)
	if err != nil {
		return err
	}
	s := site{Namespace: host, link: end}
	return s.clear(made)
}

// removeInside removes what is in the container. A veth is shaped there only if
// the result or a device says so.
func removeInside(container *link.Namespace, l netlink.Link, a *chained.Attachment) error {
	made, err := devices(container, a.Attachment)
	if err != nil {
		return err
	}
	if l != nil && l.Type() == "veth" && len(made) == 0 && (a.Result == nil || !isInside(a.Result)) {
		return nil
	}
	s := site{Namespace: container, link: l}
	return s.clear(made)
}

// hostEnd returns the host's end of the attachment's veth, or nil if it has none
// or nobody knows. The word of a device is certain; next are that of the other end,
// of the pair's owner, and of the result.
func hostEnd(host *link.Namespace, l netlink.Link, a *chained.Attachment, made []netlink.Link) (netlink.Link, error) {
	for _, device := range made {
		if markOf(device).index != 0 {
			return shapedBy(host, device)
		}
	}
	if a.Result != nil && isInside(a.Result) {
		return nil, nil
	}
	if l != nil && l.Type() == "veth" {
		end, err := peer(host, l)
		if err != nil || end != nil && !link.IsOthers(end, a.Attachment) {
			return end, err
		}
	}
	owned, err := host.OwnedVeths(a.Attachment)
	if err != nil {
		return nil, err
	}
	if len(owned) > 0 {
		return owned[0], nil
	}
	return onlyVeth(host, a)
}

// onlyVeth returns the one veth of the host that the result has, nil if it has
// none or several.
func onlyVeth(host *link.Namespace, a *chained.Attachment) (netlink.Link, error) {
	if a.Result == nil {
		return nil, nil
	}
	var found []netlink.Link
	for _, name := range ofHost(a.Result) {
		l, err := host.LinkByName(name)
		if err != nil && !link.IsNotFound(err) {
			return nil, fmt.Errorf("look %q up: %w", name, err)
		}
		if err == nil && l.Type() == "veth" && !link.IsOthers(l, a.Attachment) {
			found = append(found, l)
		}
	}
	if len(found) != 1 {
		return nil, nil
	}
	return found[0], nil
}

// Collect removes the limits of the network's attachments that are not valid, as
// far as they are on the host, and devices that are of no use: upstream's DEL needs
// the container's and the network's names, so that they may stay when it does not
// come.
func (c *Conf) Collect(network string, valid []owner.Attachment) error {
	host, err := link.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	stale := owner.Stale(network, valid)
	all, err := notes()
	errs := []error{err}
	for _, n := range all {
		if stale(n.Prefix()) {
			errs = append(errs, n.forget(host))
		}
	}
	devices, err := host.OfKind(ifbKind)
	if err != nil {
		return plugin.Join(append(errs, err)...)
	}
	var upstreams []netlink.Link
	for _, device := range devices {
		switch {
		case stale(device.Attrs().Alias):
			errs = append(errs, collect(host, device))
		case isUpstreams(device):
			upstreams = append(upstreams, device)
		}
	}
	return plugin.Join(append(errs, collectUseless(host, upstreams))...)
}

// forget removes what a noted attachment has on the host, and the note.
func (n note) forget(host *link.Namespace) error {
	made, err := devices(host, n.Attachment)
	if err != nil {
		return err
	}
	s := site{Namespace: host}
	if n.Index != 0 {
		l, err := host.LinkByIndex(n.Index)
		if err != nil && !link.IsNotFound(err) {
			return fmt.Errorf("look up what is limited for %s: %w", n, err)
		}
		if err == nil && !link.IsOthers(l, n.Attachment) {
			s.link = l
		}
	}
	if err := s.clear(made); err != nil {
		return err
	}
	return record.Remove(notePath(n.Attachment))
}

// collect removes a device that is not noted, and what belongs to it.
func collect(host *link.Namespace, device netlink.Link) error {
	end, err := shapedBy(host, device)
	if err != nil {
		return err
	}
	s := site{Namespace: host, link: end}
	return s.clear([]netlink.Link{device})
}

// collectUseless deletes those of upstream's devices to which nothing is redirected.
func collectUseless(host *link.Namespace, devices []netlink.Link) error {
	if len(devices) == 0 {
		return nil
	}
	users, err := redirections(host)
	if err != nil {
		return err
	}
	var errs []error
	for _, device := range devices {
		if len(users[device.Attrs().Index]) == 0 {
			errs = append(errs, host.Delete(device.Attrs().Name, ifbKind))
		}
	}
	return plugin.Join(errs...)
}
