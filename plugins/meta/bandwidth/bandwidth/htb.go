package bandwidth

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// What leaves through an interface and is limited in part passes a hierarchical token bucket,
// tc-htb(8), with one class. Filters tell what goes there, or what does not; all else leaves at
// once, by the queue for what is in no class. The handle is one that nobody else takes: those of
// others are usually 1:.
const htbKind = "htb"

var (
	htbHandle   = netlink.MakeHandle(0x6277, 0)
	shapedClass = netlink.MakeHandle(0x6277, 1)
)

// directQueue is how many packets may wait that are in no class, if the interface cannot take them.
// It is the length that the kernel gives interfaces.
const directQueue = 1000

// quantum is what a class may send in its turn, in bytes: of one class, whatever. The kernel's own
// choice has it log a warning at rates that are high or low.
const quantum = 10_000

// applyToScope limits what the bucket is about of what leaves through the interface. A queueing
// discipline that somebody else has put there is unix.EEXIST.
func (b *bucket) applyToScope(n *link.Namespace, l netlink.Link) error {
	htb := netlink.NewHtb(netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: htbHandle, Parent: netlink.HANDLE_ROOT})
	length := uint32(directQueue)
	htb.Defcls, htb.DirectQlen = b.defaultClass(), &length
	err := n.QdiscAdd(htb)
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("create qdisc of %q: the kernel lacks htb, which limits for some subnets take: %w", l.Attrs().Name, err)
	}
	if err != nil {
		return fmt.Errorf("create qdisc of %q: %w", l.Attrs().Name, err)
	}
	class := b.class()
	class.LinkIndex = l.Attrs().Index
	if err := n.ClassAdd(&class); err != nil {
		return fmt.Errorf("create class of %q: %w", l.Attrs().Name, err)
	}
	if err := b.cutter(l).put(n, l, shapedClass); err != nil {
		return err
	}
	if err := b.discipline.apply(n, l); err != nil {
		return err
	}
	return add(n, l, htbHandle, b.classifications())
}

// cutter is the queue of the class: a token bucket at a rate that nothing reaches. It is there
// since it cuts those large packets in pieces that interfaces would cut later (GSO), which htb and
// queues of a length in bytes do not; a shorter queue would drop all of them.
func (b *bucket) cutter(l netlink.Link) tbf {
	const ticks = 2 // a few packets' time on any processor, so that it is full again
	size := max(8192, 4*uint64(l.Attrs().MTU))
	return tbf{rate: size * 1_000_000_000 / (ticks * tick), limit: b.tbf().limit, buffer: ticks}
}

// defaultClass is the number of the class for what no filter is about, 0 for none.
func (b *bucket) defaultClass() uint32 {
	if b.scope.only {
		return 0
	}
	return shapedClass & 0xffff
}

// class is the limit in the terms of htb. A rate is the one that is promised, and the most.
func (b *bucket) class() netlink.HtbClass {
	limit := b.tbf()
	if uint32(limit.rate) == 0 { // the half that kernels before 3.13 know may not be 0
		limit.rate++
	}
	return netlink.HtbClass{
		ClassAttrs: netlink.ClassAttrs{Parent: htbHandle, Handle: shapedClass},
		Rate:       limit.rate, Ceil: limit.rate, Buffer: limit.buffer, Cbuffer: limit.buffer,
		Quantum: quantum,
	}
}

// classifications are the filters that tell what goes into the class or, by the handle of the
// qdisc, what does not.
func (b *bucket) classifications() []filter {
	if b.scope.only {
		return b.scope.filters(filter{class: shapedClass}, filter{})
	}
	return b.scope.filters(filter{class: htbHandle}, filter{})
}

// checkScope returns one error for all in which the interface's class, or the way there, differs.
func (b *bucket) checkScope(n *link.Namespace, l netlink.Link) error {
	name := l.Attrs().Name
	q, err := n.Qdisc(l, netlink.HANDLE_ROOT)
	if err != nil {
		return err
	}
	if !isClassifier(q) {
		return fmt.Errorf("interface %s has no qdisc htb of ours", name)
	}
	defaultClass, err := parseHTB(q.Options)
	if err != nil {
		return fmt.Errorf("read the qdisc of %q: %w", name, err)
	}
	have, err := classOf(n, l)
	if err != nil {
		return err
	}
	queue, err := bucketOf(n, l, shapedClass)
	if err != nil {
		return err
	}
	filters, err := filtersOf(n, l, htbHandle)
	if err != nil {
		return err
	}
	want := b.class()
	return plugin.Join(
		differs(name, "rate in B/s", have.Rate, want.Rate),
		differs(name, "ceil in B/s", have.Ceil, want.Ceil),
		differs(name, "burst in ns", uint64(have.Buffer)*tick, uint64(want.Buffer)*tick),
		differs(name, "cburst in ns", uint64(have.Cbuffer)*tick, uint64(want.Cbuffer)*tick),
		differs(name, "default class", uint64(defaultClass), uint64(b.defaultClass())),
		differs(name, "limit in B", uint64(queue.limit), uint64(b.tbf().limit)),
		compare(l, ours(filters, func(filter) bool { return true }), b.classifications()),
		b.discipline.check(n, l))
}

func isClassifier(q *link.Qdisc) bool { return q != nil && q.Kind == htbKind && q.Handle == htbHandle }

// classOf returns the class in which the interface's limit is.
func classOf(n *link.Namespace, l netlink.Link) (*netlink.HtbClass, error) {
	classes, err := n.ClassList(l, htbHandle)
	if err != nil {
		return nil, fmt.Errorf("list classes of %q: %w", l.Attrs().Name, err)
	}
	for _, class := range classes {
		if htb, ok := class.(*netlink.HtbClass); ok && htb.Handle == shapedClass {
			return htb, nil
		}
	}
	return nil, fmt.Errorf("interface %s has no class in its htb", l.Attrs().Name)
}

// parseHTB returns the number of the class for what no filter is about, of a qdisc htb.
func parseHTB(options []byte) (defaultClass uint32, err error) {
	attrs, err := nl.ParseRouteAttr(options)
	if err != nil {
		return 0, err
	}
	for _, attr := range attrs {
		if attr.Attr.Type == nl.TCA_HTB_INIT && len(attr.Value) >= nl.SizeofTcHtbGlob {
			return nl.DeserializeTcHtbGlob(attr.Value).Defcls, nil
		}
	}
	return 0, nil
}
