package bandwidth

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
)

const ingressKind = "ingress"

func ingressOf(l netlink.Link) *netlink.Ingress {
	return &netlink.Ingress{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: l.Attrs().Index,
		Handle:    netlink.MakeHandle(0xffff, 0),
		Parent:    netlink.HANDLE_INGRESS,
	}}
}

// addIngress makes the qdisc, if there is none yet.
func addIngress(n *link.Namespace, l netlink.Link) error {
	if err := n.QdiscAdd(ingressOf(l)); err != nil {
		return fmt.Errorf("create ingress qdisc of %q: %w", l.Attrs().Name, err)
	}
	return nil
}

// ourMark is the class that filters for networks have at an ingress qdisc, which has none: it
// tells whose they are.
var ourMark = netlink.MakeHandle(0xffff, 0x6277)

// ways returns the filters that send what the bucket limits to the device, and let through
// what it does not: a filter without an action ends their row.
func (b *bucket) ways(device netlink.Link) []filter {
	index := device.Attrs().Index
	if b.scope.only {
		return b.scope.filters(filter{class: ourMark, device: index}, filter{})
	}
	return b.scope.filters(filter{class: ourMark}, filter{device: index})
}

// target returns the index of the device to which a filter of ours redirects packets, 0 if it is
// gone, or if the filter lets them through.
func target(f netlink.Filter) (int, bool) {
	have, ok := read(f)
	return have.device, ok && (have.network == "" || have.class == ourMark)
}

// unredirect removes what redirects packets to the devices, or to one that is
// gone: upstream's DEL leaves such filters, which drop all. The qdisc goes as
// well, if it is the plugin's own and nobody else uses it.
func unredirect(n *link.Namespace, l netlink.Link, devices []netlink.Link) error {
	q, err := n.Qdisc(l, netlink.HANDLE_INGRESS)
	if err != nil || q == nil {
		return err
	}
	filters, err := filtersOf(n, l, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return err
	}
	var ours, others []netlink.Filter
	for _, f := range filters {
		to, ok := target(f)
		if ok && (to == 0 || slices.ContainsFunc(devices, func(d netlink.Link) bool { return d.Attrs().Index == to })) {
			ours = append(ours, f)
		} else {
			others = append(others, f)
		}
	}
	found := slices.ContainsFunc(devices, func(d netlink.Link) bool { return markOf(d).found })
	if q.Kind == ingressKind && !found && len(others) == 0 && len(ours)+len(devices) > 0 {
		if err := deleteQdisc(n, l, ingressOf(l)); err != nil {
			return fmt.Errorf("delete ingress qdisc of %q: %w", l.Attrs().Name, err)
		}
		return nil
	}
	for _, f := range ours {
		if err := deleteFilter(n, l, f, others); err != nil {
			return fmt.Errorf("delete filter of %q: %w", l.Attrs().Name, err)
		}
	}
	return nil
}

// deleteFilter deletes a filter of the interface together with the hash table of its
// priority, unless others are in it. As with qdiscs, it may be gone by then.
func deleteFilter(n *link.Namespace, l netlink.Link, f netlink.Filter, others []netlink.Filter) error {
	attrs, handle := f.Attrs(), f.Attrs().Handle
	shared := slices.ContainsFunc(others, func(other netlink.Filter) bool { return other.Attrs().Priority == attrs.Priority })
	if !shared {
		attrs.Handle = 0
	}
	err := n.FilterDel(f)
	if err == nil {
		return nil
	}
	have, unknown := filtersOf(n, l, netlink.HANDLE_MIN_INGRESS)
	is := func(other netlink.Filter) bool {
		return other.Attrs().Priority == attrs.Priority && other.Attrs().Handle == handle
	}
	if link.IsNotFound(unknown) || unknown == nil && !slices.ContainsFunc(have, is) {
		return nil
	}
	return err
}

// targets returns the indexes of the devices to which an interface's filters redirect
// what arrives.
func targets(filters []netlink.Filter) []int {
	var to []int
	for _, f := range filters {
		if index, ok := target(f); ok && index != 0 {
			to = append(to, index)
		}
	}
	return to
}
