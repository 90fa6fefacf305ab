package bandwidth

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// bucket is a limit. Its numbers may be larger than the kernel's.
type bucket struct {
	// rate is in bytes per second.
	rate uint64
	// limit is the length of the queue in bytes.
	limit uint64
	// burst is how long it takes at the rate, in nanoseconds.
	burst uint64
	// discipline orders what waits.
	discipline discipline
	// scope is the traffic that is limited.
	scope scope
}

// newBucket takes a rate in bytes per second, a burst in bytes, less than 4 GiB, and
// a latency in milliseconds. The numbers are those of upstream, whose CHECK compares
// them: bursts are whole microseconds, unless there is not even one.
func newBucket(rate, burst, latency uint64) *bucket {
	nanoseconds := burst * 1_000_000 / rate * 1000
	if nanoseconds == 0 {
		nanoseconds = max(burst*1_000_000_000/rate, tick)
	}
	return &bucket{
		rate:  rate,
		limit: min(rate, 1<<48)*latency/1000 + burst,
		burst: nanoseconds,
	}
}

// tbf is a bucket in the terms of the kernel's token bucket filter, tc-tbf(8).
type tbf struct {
	rate          uint64
	limit, buffer uint32
}

// tick is the unit of a buffer in nanoseconds (PSCHED_SHIFT in
// include/net/pkt_sched.h), since Linux 2.6.31.
const tick = 64

// tbf returns what is asked of the kernel: of what is too large for it, the most that
// it can do, 274 s of a burst.
func (b *bucket) tbf() tbf { return tbf{b.rate, atMost32(b.limit), atMost32(b.burst / tick)} }

// burst returns the buffer in nanoseconds.
func (t tbf) burst() uint64 { return uint64(t.buffer) * tick }

func atMost32(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

// upstreams returns what upstream asks for on processors on which conversion from
// floating point cuts digits off in front (amd64), of the microseconds first. On others
// it is as here.
func (b *bucket) upstreams() tbf {
	microseconds := uint32(b.burst / 1000)
	return tbf{b.rate, uint32(b.limit), uint32(uint64(microseconds) * 1000 / tick)}
}

// handle is that of the queueing disciplines which the plugin makes, as upstream's.
var handle = netlink.MakeHandle(1, 0)

// apply lets all that leaves through the interface pass the bucket. A queueing
// discipline that somebody else has put there is unix.EEXIST.
func (b *bucket) apply(n *link.Namespace, l netlink.Link) error {
	if err := b.tbf().put(n, l, netlink.HANDLE_ROOT); err != nil {
		return err
	}
	return b.discipline.apply(n, l)
}

// applyToLeaving limits what leaves through the interface, as far as the bucket is about it.
func (b *bucket) applyToLeaving(n *link.Namespace, l netlink.Link) error {
	if b.scope.isAll() {
		return b.apply(n, l)
	}
	return b.applyToScope(n, l)
}

// put makes it what parent has.
func (t tbf) put(n *link.Namespace, l netlink.Link, parent uint32) error {
	err := n.QdiscAdd(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: handle, Parent: parent},
		Rate:       t.rate,
		Limit:      t.limit,
		Buffer:     t.buffer,
	})
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("create qdisc of %q: the kernel lacks tbf: %w", l.Attrs().Name, err)
	}
	if err != nil {
		return fmt.Errorf("create qdisc of %q: %w", l.Attrs().Name, err)
	}
	return nil
}

// removeBucket takes it away, as far as it is there.
func removeBucket(n *link.Namespace, l netlink.Link) error {
	q, err := n.Qdisc(l, netlink.HANDLE_ROOT)
	if err != nil || !(isBucket(q) && q.Handle == handle || isClassifier(q)) {
		return err
	}
	attrs := netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: q.Handle, Parent: netlink.HANDLE_ROOT}
	if err := deleteQdisc(n, l, &netlink.GenericQdisc{QdiscAttrs: attrs, QdiscType: q.Kind}); err != nil {
		return fmt.Errorf("delete qdisc of %q: %w", l.Attrs().Name, err)
	}
	return nil
}

// deleteQdisc deletes a qdisc of an interface. Another DEL may be faster, which the
// kernel tells in several ways, and may have deleted the interface by now: what counts is
// whether it is there still.
func deleteQdisc(n *link.Namespace, l netlink.Link, q netlink.Qdisc) error {
	err := n.QdiscDel(q)
	if err == nil {
		return nil
	}
	have, unknown := n.Qdisc(l, q.Attrs().Parent)
	if link.IsNotFound(unknown) || unknown == nil && (have == nil || have.Kind != q.Type() || have.Handle != q.Attrs().Handle) {
		return nil
	}
	return err
}

func isBucket(q *link.Qdisc) bool { return q != nil && q.Kind == "tbf" }

// check returns one error for all in which the interface's bucket differs.
func (b *bucket) check(n *link.Namespace, l netlink.Link) error {
	name := l.Attrs().Name
	have, err := bucketOf(n, l, netlink.HANDLE_ROOT)
	if err != nil {
		return err
	}
	want, theirs := b.tbf(), b.upstreams()
	return plugin.Join(
		differs(name, "rate in B/s", have.rate, want.rate, theirs.rate),
		differs(name, "limit in B", uint64(have.limit), uint64(want.limit), uint64(theirs.limit)),
		differs(name, "burst in ns", have.burst(), want.burst(), theirs.burst()),
		b.discipline.check(n, l))
}

// checkLeaving does so for what applyToLeaving does.
func (b *bucket) checkLeaving(n *link.Namespace, l netlink.Link) error {
	if b.scope.isAll() {
		return b.check(n, l)
	}
	return b.checkScope(n, l)
}

// differs returns an error if a number of an interface's limit is none of those that are right, of
// which the first one is to be named.
func differs(name, what string, have uint64, right ...uint64) error {
	if slices.Contains(right, have) {
		return nil
	}
	return fmt.Errorf("interface %s has %s %d, expected %d", name, what, have, right[0])
}

// bucketOf returns the interface's bucket that parent has.
func bucketOf(n *link.Namespace, l netlink.Link, parent uint32) (tbf, error) {
	name := l.Attrs().Name
	q, err := n.Qdisc(l, parent)
	if err != nil {
		return tbf{}, err
	}
	if !isBucket(q) {
		return tbf{}, fmt.Errorf("interface %s has no qdisc tbf", name)
	}
	have, err := parseTBF(q.Options)
	if err != nil {
		return tbf{}, fmt.Errorf("read the qdisc of %q: %w", name, err)
	}
	return have, nil
}

// parseTBF reads the options of a qdisc tbf.
func parseTBF(options []byte) (tbf, error) {
	attrs, err := nl.ParseRouteAttr(options)
	if err != nil {
		return tbf{}, err
	}
	var have tbf
	for _, attr := range attrs {
		switch {
		case attr.Attr.Type == nl.TCA_TBF_PARMS && len(attr.Value) >= nl.SizeofTcTbfQopt:
			parms := nl.DeserializeTcTbfQopt(attr.Value)
			have = tbf{uint64(parms.Rate.Rate), parms.Limit, parms.Buffer}
		case attr.Attr.Type == nl.TCA_TBF_RATE64 && len(attr.Value) >= 8:
			have.rate = nl.NativeEndian().Uint64(attr.Value)
		}
	}
	return have, nil
}
