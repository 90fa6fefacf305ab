package bandwidth

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

const ingressKind = "ingress"

// hasIngress reports whether an interface has an ingress qdisc, which clsact is
// as well.
func hasIngress(n *link.Namespace, l netlink.Link) (bool, error) {
	q, err := n.Qdisc(l, netlink.HANDLE_INGRESS)
	return q != nil, err
}

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

// lastPriority is that of the filter which the kernel asks last.
const lastPriority = 0xffff

// redirect sends what arrives at the interface to the device. Filters of others
// come first: a redirection ends their row, and they may be there to drop
// something. The interface has an ingress qdisc.
func redirect(n *link.Namespace, l, device netlink.Link) error {
	filters, err := filtersOf(n, l)
	if err != nil {
		return err
	}
	priority := uint16(lastPriority)
	for slices.ContainsFunc(filters, func(f netlink.Filter) bool { return f.Attrs().Priority == priority }) {
		priority--
	}
	err = n.FilterAdd(&netlink.U32{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: l.Attrs().Index,
			Parent:    netlink.HANDLE_MIN_INGRESS,
			Priority:  priority,
			Protocol:  unix.ETH_P_ALL,
		},
		Actions: []netlink.Action{netlink.NewMirredAction(device.Attrs().Index)},
	})
	if err != nil {
		return fmt.Errorf("add filter to %q: %w", l.Attrs().Name, err)
	}
	return nil
}

func filtersOf(n *link.Namespace, l netlink.Link) ([]netlink.Filter, error) {
	filters, err := n.FilterList(l, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return nil, fmt.Errorf("list filters of %q: %w", l.Attrs().Name, err)
	}
	return filters, nil
}

// target returns the index of the device to which a filter redirects all packets,
// 0 if it is gone.
func target(f netlink.Filter) (int, bool) {
	u32, ok := f.(*netlink.U32)
	if !ok || u32.Attrs().Protocol != unix.ETH_P_ALL || u32.Sel == nil ||
		slices.ContainsFunc(u32.Sel.Keys, func(k netlink.TcU32Key) bool { return k.Mask != 0 }) {
		return 0, false
	}
	for _, action := range u32.Actions {
		if mirred, ok := action.(*netlink.MirredAction); ok && mirred.MirredAction == netlink.TCA_EGRESS_REDIR {
			return mirred.Ifindex, true
		}
	}
	return 0, false
}

// unredirect removes what redirects packets to the devices, or to one that is
// gone: upstream's DEL leaves such filters, which drop all. The qdisc goes as
// well, if it is the plugin's own and nobody else uses it.
func unredirect(n *link.Namespace, l netlink.Link, devices []netlink.Link) error {
	q, err := n.Qdisc(l, netlink.HANDLE_INGRESS)
	if err != nil || q == nil {
		return err
	}
	filters, err := filtersOf(n, l)
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
	have, unknown := filtersOf(n, l)
	is := func(other netlink.Filter) bool {
		return other.Attrs().Priority == attrs.Priority && other.Attrs().Handle == handle
	}
	if unknown == nil && !slices.ContainsFunc(have, is) {
		return nil
	}
	return err
}

// targets returns the indexes of the devices to which the interface's filters
// redirect all that arrives.
func targets(n *link.Namespace, l netlink.Link) ([]int, error) {
	filters, err := filtersOf(n, l)
	var to []int
	for _, f := range filters {
		if index, ok := target(f); ok {
			to = append(to, index)
		}
	}
	return to, err
}
