package bandwidth

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// bucket is a limit in the terms of the kernel's token bucket filter, tc-tbf(8).
type bucket struct {
	// rate is in bytes per second.
	rate uint64
	// limit is the length of the queue in bytes.
	limit uint32
	// buffer is how long a burst takes at the rate, in ticks.
	buffer uint32
}

// tick is the unit of a buffer in nanoseconds (PSCHED_SHIFT in
// include/net/pkt_sched.h), since Linux 2.6.31.
const tick = 64

// newBucket takes a rate in bytes per second, a burst in bytes and a latency in
// milliseconds. The numbers are those of upstream, whose CHECK compares them:
// buffers are whole microseconds, unless there is not even one. What is too
// large for the kernel becomes the most that it can do, 274 s of a burst.
func newBucket(rate, burst, latency uint64) *bucket {
	nanoseconds := muldiv(burst, 1_000_000, rate) * 1000
	if nanoseconds == 0 {
		nanoseconds = max(muldiv(burst, 1_000_000_000, rate), tick)
	}
	return &bucket{
		rate:   rate,
		limit:  atMost32(muldiv(rate, latency, 1000) + burst),
		buffer: atMost32(nanoseconds / tick),
	}
}

// muldiv returns a·b/c, or a number beyond 32 bits that leaves room for sums and
// products if that is beyond them.
func muldiv(a, b, c uint64) uint64 {
	const large = 1 << 48
	high, low := bits.Mul64(a, b)
	if high >= c {
		return large
	}
	quotient, _ := bits.Div64(high, low, c)
	return min(quotient, large)
}

func atMost32(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

// handle is that of the queueing disciplines which the plugin makes, as upstream's.
var handle = netlink.MakeHandle(1, 0)

// apply lets what leaves through the interface pass the bucket. A queueing
// discipline that somebody else has put there is unix.EEXIST.
func (b *bucket) apply(n *link.Namespace, l netlink.Link) error {
	err := n.QdiscAdd(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: handle, Parent: netlink.HANDLE_ROOT},
		Rate:       b.rate,
		Limit:      b.limit,
		Buffer:     b.buffer,
	})
	if err != nil {
		return fmt.Errorf("create qdisc of %q: %w", l.Attrs().Name, err)
	}
	return nil
}

// removeBucket takes it away, as far as it is there.
func removeBucket(n *link.Namespace, l netlink.Link) error {
	q, err := n.Qdisc(l, netlink.HANDLE_ROOT)
	if err != nil || !isBucket(q) || q.Handle != handle {
		return err
	}
	attrs := netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: handle, Parent: netlink.HANDLE_ROOT}
	if err := n.QdiscDel(&netlink.Tbf{QdiscAttrs: attrs}); err != nil {
		return fmt.Errorf("delete qdisc of %q: %w", l.Attrs().Name, err)
	}
	return nil
}

func isBucket(q *link.Qdisc) bool { return q != nil && q.Kind == "tbf" }

// check returns one error for all in which the interface's bucket differs.
func (b *bucket) check(n *link.Namespace, l netlink.Link) error {
	name := l.Attrs().Name
	q, err := n.Qdisc(l, netlink.HANDLE_ROOT)
	if err != nil {
		return err
	}
	if !isBucket(q) {
		return fmt.Errorf("interface %s has no qdisc tbf", name)
	}
	have, err := parseBucket(q.Options)
	if err != nil {
		return fmt.Errorf("read the qdisc of %q: %w", name, err)
	}
	differs := func(what string, have, want any) error {
		if have == want {
			return nil
		}
		return fmt.Errorf("interface %s has %s %d, expected %d", name, what, have, want)
	}
	return plugin.Join(
		differs("rate in B/s", have.rate, b.rate),
		differs("limit in B", have.limit, b.limit),
		b.checkBuffer(name, have.buffer))
}

// checkBuffer compares what is left of the burst once it is a time. Upstream cuts
// one that is too large in another way; that it is the same burst shows in the
// limit then.
func (b *bucket) checkBuffer(name string, have uint32) error {
	if b.buffer == math.MaxUint32 || have == b.buffer {
		return nil
	}
	return fmt.Errorf("interface %s has a burst of %d ns, expected %d", name, uint64(have)*tick, uint64(b.buffer)*tick)
}

// parseBucket reads the options of a qdisc tbf.
func parseBucket(options []byte) (bucket, error) {
	attrs, err := nl.ParseRouteAttr(options)
	if err != nil {
		return bucket{}, err
	}
	var b bucket
	for _, attr := range attrs {
		switch {
		case attr.Attr.Type == nl.TCA_TBF_PARMS && len(attr.Value) >= nl.SizeofTcTbfQopt:
			parms := nl.DeserializeTcTbfQopt(attr.Value)
			b.limit, b.buffer = parms.Limit, parms.Buffer
			b.rate = uint64(parms.Rate.Rate)
		case attr.Attr.Type == nl.TCA_TBF_RATE64 && len(attr.Value) >= 8:
			b.rate = nl.NativeEndian().Uint64(attr.Value)
		}
	}
	return b, nil
}
