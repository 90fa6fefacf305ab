package link

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/owner"
)

// AddOwnedVeth makes the pair as AddVeth does, gives the host's end a name made
// from its owner's and writes the owner's tag into its alias (`ip link` shows
// it), so that DEL finds it without the container's namespace and GC without
// its name. Until then its group tells whose it is: see isNewborn. If the name is
// taken, as by what an interrupted ADD left, another is tried. The kernel gives the host's
// end no link-local address: see SkipLinkLocal.
func AddOwnedVeth(host, container *Namespace, v Veth, a owner.Attachment) (hostEnd, containerEnd netlink.Link, err error) {
	v.Group = birthGroup(a.Network)
	for try := range maxNameTries {
		v.HostName = hostName(a, try)
		hostEnd, containerEnd, err = AddVeth(host, container, v)
		var exists *VethExistsError
		if !errors.As(err, &exists) {
			break
		}
		_, missing := container.LinkByName(v.Name)
		if missing == nil {
			return nil, nil, fmt.Errorf("the container already has an interface %q", v.Name)
		}
		if !IsNotFound(missing) {
			break
		}
	}
	if err != nil {
		return nil, nil, err
	}
	var flags uint32
	if v.Up {
		flags = unix.IFF_UP
	}
	if err := host.own(hostEnd, a, flags, skipLinkLocal()); err != nil {
		return nil, nil, errors.Join(err, host.delete(hostEnd))
	}
	if v.Up {
		hostEnd.Attrs().Flags |= net.FlagUp
	}
	return hostEnd, containerEnd, nil
}

// hostName is of upstream's form, "veth" and eight digits.
func hostName(a owner.Attachment, try int) string { return a.DeviceName(12, "veth", try) }

// birthGroup is the link group in which the network's pairs are born, as the kernel
// takes no alias before a link is there.
func birthGroup(network string) uint32 {
	group, _ := strconv.ParseUint(owner.NetworkPrefix(network)[:8], 16, 32)
	return uint32(group)
}

// isNewborn reports whether a link is the host's end of a pair of the network that
// has no alias yet, and never will if its ADD was killed.
func isNewborn(l netlink.Link, network string) bool {
	return l.Type() == "veth" && l.Attrs().Alias == "" && l.Attrs().Group == birthGroup(network)
}

// isOf reports whether a newborn belongs to one of the attachments.
func isOf(l netlink.Link, attachments []owner.Attachment) bool {
	return slices.ContainsFunc(attachments, func(a owner.Attachment) bool {
		for try := range maxNameTries {
			if l.Attrs().Name == hostName(a, try) {
				return true
			}
		}
		return false
	})
}

// MayHavePair reports whether there is a link of the name that the host's end of the
// attachment's pair has. The name is made from those of network, container and interface.
func (n *Namespace) MayHavePair(a owner.Attachment) bool { return !n.LacksEthernet(hostName(a, 0)) }

// OwnedVeths returns the host's ends of the attachment's pairs. There is more than
// one only if an ADD was cut off.
func (n *Namespace) OwnedVeths(a owner.Attachment) ([]netlink.Link, error) {
	var ends []netlink.Link
	for try := range maxNameTries {
		if n.LacksEthernet(hostName(a, try)) {
			break
		}
		l, err := n.LinkByName(hostName(a, try))
		if IsNotFound(err) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("look %q up: %w", hostName(a, try), err)
		}
		if a.Owns(l.Attrs().Alias) || isNewborn(l, a.Network) {
			ends = append(ends, l)
		}
	}
	return ends, nil
}

// DeleteOwnedVeth deletes the attachment's pair. container may be nil if its
// namespace is gone.
func DeleteOwnedVeth(host, container *Namespace, a owner.Attachment) error {
	ends, err := host.OwnedVeths(a)
	if err != nil {
		return err
	}
	for _, l := range ends {
		if err := host.delete(l); err != nil {
			return err
		}
	}
	if container == nil {
		return nil
	}
	return deleteUntagged(host, container, a)
}

// deleteUntagged deletes the container's end of a pair that bears no tag, as
// upstream makes them. One with the tag of another attachment is left alone:
// the path of a dead container's namespace may be in use again.
func deleteUntagged(host, container *Namespace, a owner.Attachment) error {
	if container.Lacks(a.IfName) {
		return nil
	}
	l, err := container.LinkByName(a.IfName)
	if IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look %q up: %w", a.IfName, err)
	}
	if l.Type() != "veth" {
		return nil
	}
	peer, err := host.LinkByIndex(PeerIndex(l))
	if err == nil && IsOthers(peer, a) {
		return nil
	}
	return container.delete(l)
}

// IsOthers reports whether a link bears the tag of another interface or container. The name
// of the network may be a former one, or none, as a container can change the tag.
func IsOthers(l netlink.Link, a owner.Attachment) bool {
	return owner.IsTag(l.Attrs().Alias) && !a.IsOf(l.Attrs().Alias)
}

// Own writes its owner's tag into the alias of a new link and, in the same message,
// takes it out of the group in which it may have been born.
func (n *Namespace) Own(l netlink.Link, a owner.Attachment) error { return n.own(l, a, 0) }

// own is Own with flags of the link that are turned on (IFF_*), and more settings, in the
// message.
func (n *Namespace) own(l netlink.Link, a owner.Attachment, flags uint32, more ...*nl.RtAttr) error {
	err := n.setFlags(l, flags, flags, append(more,
		nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(a.Tag())),
		nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(0)))...)
	if isWithoutIPv6(err) && len(more) > 0 {
		return n.own(l, a, flags)
	}
	if err != nil {
		return fmt.Errorf("set alias of %q: %w", l.Attrs().Name, err)
	}
	return nil
}

// AddOwned makes an interface that is on no other one, down and with its owner's
// tag, and returns it. A name that is taken is unix.EEXIST (NLM_F_EXCL).
func (n *Namespace) AddOwned(l netlink.Link, a owner.Attachment) (netlink.Link, error) {
	attrs, kind := l.Attrs(), l.Type()
	name := attrs.Name
	var err error
	if attrs.HardwareAddr, err = ChooseMAC(attrs.HardwareAddr); err != nil {
		return nil, err
	}
	if err := n.Make(l); err != nil {
		return nil, fmt.Errorf("failed to create %s %q: %w", kind, name, err)
	}
	made, err := n.LinkByName(name)
	if err == nil {
		err = n.Own(made, a)
	} else {
		err = fmt.Errorf("failed to lookup %q: %w", name, err)
	}
	if err != nil {
		return nil, errors.Join(err, n.Delete(name, kind))
	}
	return made, nil
}

// DeleteOwned deletes the attachment's link of the given kind in its container.
// Upstream's links bear no tag; one with the tag of another attachment, or of
// another kind, is left as it is.
func (n *Namespace) DeleteOwned(kind string, a owner.Attachment) error {
	return n.deleteIf(a.IfName, func(l netlink.Link) bool { return l.Type() == kind && !IsOthers(l, a) })
}

// DeleteTagged deletes it only if it bears the attachment's tag.
func (n *Namespace) DeleteTagged(a owner.Attachment) error {
	return n.deleteIf(a.IfName, func(l netlink.Link) bool { return a.IsOf(l.Attrs().Alias) })
}

// CollectOwned deletes the network's tagged or newborn pairs whose attachment is not
// among the valid ones. The kernel lists what is of this kind alone.
func (n *Namespace) CollectOwned(network string, valid []owner.Attachment) error {
	prefix, group := []byte(owner.NetworkPrefix(network)), nl.Uint32Attr(birthGroup(network))
	links, err := n.list(kindOf("veth"), func(attrs []byte) bool {
		return bytes.HasPrefix(attribute(attrs, unix.IFLA_IFALIAS), prefix) || bytes.Equal(attribute(attrs, unix.IFLA_GROUP), group)
	})
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	stale := owner.Stale(network, valid)
	var errs []error
	for _, l := range links {
		if stale(l.Attrs().Alias) || isNewborn(l, network) && !isOf(l, valid) {
			errs = append(errs, n.delete(l))
		}
	}
	return errors.Join(errs...)
}
