package bandwidth

import (
	"errors"
	"fmt"
	"slices"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// site is where a container's packets are shaped: at the host's end of a veth, or
// at an interface of any other kind, inside the container.
type site struct {
	*link.Namespace
	link netlink.Link
	// sandbox is the namespace as results name it, "" for the host.
	sandbox string
}

// buckets returns the limits of what leaves through the interface of the site and
// of what arrives there: the host's end sends what the container receives.
func (c *Conf) buckets(s *site) (leaves, arrives *bucket) {
	if s.sandbox == "" {
		return c.ingress, c.egress
	}
	return c.egress, c.ingress
}

// find returns the site of an attachment. Its namespaces are open.
func find(host, container *link.Namespace, a *chained.Attachment) (*site, error) {
	l, err := container.LinkByName(a.IfName)
	if err != nil {
		return nil, fmt.Errorf("container interface %s: %w", a.IfName, err)
	}
	inside := &site{container, l, a.Args.Netns}
	if l.Type() != "veth" {
		return inside, nil
	}
	if len(a.Result.Interfaces) == 0 {
		return nil, errors.New("no interfaces provided")
	}
	if isInside(a.Result) {
		return inside, nil
	}
	end, err := peer(host, l)
	switch {
	case err != nil:
		return nil, err
	case end == nil:
		return nil, fmt.Errorf("veth peer with index %d is not in host ns", link.PeerIndex(l))
	case !slices.Contains(ofHost(a.Result), end.Attrs().Name):
		return nil, errors.New("no veth peer of container interface found in host ns")
	}
	return &site{Namespace: host, link: end}, nil
}

// ofHost returns the names of a result's interfaces that are the host's.
func ofHost(result *current.Result) []string {
	var names []string
	for _, i := range result.Interfaces {
		if i.Sandbox == "" {
			names = append(names, i.Name)
		}
	}
	return names
}

// isInside reports whether a result has interfaces of the container alone. A veth
// in it is one that somebody has made before and host-device has moved.
func isInside(result *current.Result) bool {
	return len(result.Interfaces) > 0 && len(ofHost(result)) == 0
}

// peer returns the host's end of a container's veth, or nil if the other end is
// elsewhere: then its index may be that of any link of the host.
func peer(host *link.Namespace, l netlink.Link) (netlink.Link, error) {
	end, err := host.LinkByIndex(link.PeerIndex(l))
	if link.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up the peer of %q: %w", l.Attrs().Name, err)
	}
	if end.Type() != "veth" || link.PeerIndex(end) != l.Attrs().Index {
		return nil, nil
	}
	return end, nil
}

// note returns that for an attachment whose site it is.
func (s *site) note(a owner.Attachment) note {
	if s.sandbox != "" {
		return note{Attachment: a}
	}
	return note{a, s.link.Attrs().Index}
}

// shape puts the limits into effect and returns the device, if there is need of
// one. The site has been cleared.
func (c *Conf) shape(s *site, a owner.Attachment) (device netlink.Link, err error) {
	leaves, arrives := c.buckets(s)
	if arrives != nil {
		if device, err = arrives.applyToArrivals(s, a); err != nil {
			return nil, err
		}
	}
	if leaves != nil {
		err = leaves.applyToLeaving(s.Namespace, s.link)
	}
	return device, err
}

// applyToArrivals sends what arrives at the interface through a device with the
// bucket: a qdisc shapes what leaves.
func (b *bucket) applyToArrivals(s *site, a owner.Attachment) (netlink.Link, error) {
	if vlan, ok := s.link.(*netlink.IPVlan); ok && vlan.Mode == netlink.IPVLAN_MODE_L3S {
		return nil, fmt.Errorf("what interface %s, an ipvlan in mode l3s, receives passes no qdisc", s.link.Attrs().Name)
	}
	q, err := s.Qdisc(s.link, netlink.HANDLE_INGRESS) // or a clsact
	if err != nil {
		return nil, err
	}
	found := q != nil
	device, err := s.AddIFB(link.IFB{
		Name:  upstreamsName(a),
		Spare: ownName(a),
		MAC:   birthMAC(a),
		Alias: mark{s.link.Attrs().Index, found}.alias(a),
		MTU:   s.link.Attrs().MTU,
	})
	if err != nil {
		return nil, err
	}
	if err := b.apply(s.Namespace, device); err != nil {
		return nil, err
	}
	if !found {
		if err := addIngress(s.Namespace, s.link); err != nil {
			return nil, err
		}
	}
	return device, add(s.Namespace, s.link, netlink.HANDLE_MIN_INGRESS, b.ways(device))
}

// checkArrivals returns one error for all in which the way through the device
// differs.
func (b *bucket) checkArrivals(s *site, a owner.Attachment) error {
	made, err := devices(s.Namespace, a)
	if err != nil {
		return err
	}
	filters, err := filtersOf(s.Namespace, s.link, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return err
	}
	to := targets(filters)
	used := slices.IndexFunc(made, func(d netlink.Link) bool { return slices.Contains(to, d.Attrs().Index) })
	if used < 0 {
		return fmt.Errorf("interface %s has no filter that redirects to a device of the attachment", s.link.Attrs().Name)
	}
	device := made[used]
	have := ours(filters, func(f filter) bool { return f.class == ourMark || f.device == device.Attrs().Index })
	var down error
	if !isUp(device) {
		down = fmt.Errorf("interface %s is down", device.Attrs().Name)
	}
	return plugin.Join(down, compare(s.link, have, b.ways(device)), b.check(s.Namespace, device))
}

// clear removes what an ADD has made, the devices last: they are what the others
// are known by. The link is nil if it is gone or nobody knows it.
func (s *site) clear(devices []netlink.Link) error {
	if s.link != nil {
		var err error
		if devices, err = unshared(s.Namespace, s.link, devices); err != nil {
			return err
		}
		// The link may go meanwhile, with all that it has, as when the kernel takes the
		// container's namespace apart.
		bucket, redirection := removeBucket(s.Namespace, s.link), unredirect(s.Namespace, s.link, devices)
		if err := plugin.Join(unlessGone(bucket), unlessGone(redirection)); err != nil {
			return err
		}
	}
	for _, device := range devices {
		if err := s.Delete(device.Attrs().Name, ifbKind); err != nil {
			return err
		}
	}
	return nil
}

func unlessGone(err error) error {
	if link.IsNotFound(err) {
		return nil
	}
	return err
}
