package nft

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Whoever closes a connection behind a deletion waits for an RCU grace period, and keeps
// everybody else from changing anything meanwhile. Nobody waits for elements that expire:
// they are in no packet's way, no question and no new element with the key meets them, and
// the kernel takes them away within a second. It lets the timeout of an element change since
// Linux 6.12; earlier ones take the request and do nothing.

// mostExpired is the number of elements up to which it pays to look those of maps up, which
// expire only if their value is given.
const mostExpired = 64

// place is where an element is.
type place struct {
	table Table
	set   string
	key   []byte
}

// expire makes the elements expire that the transaction deletes, if it does nothing else.
// It reports whether it did.
func (c *Conn) expire(t *Transaction) (bool, error) {
	if c.keepsElements || len(t.deleted) != len(t.messages) || len(t.deleted) > mostExpired {
		return false, nil
	}
	dying := &Transaction{Generation: t.Generation}
	flags := map[string]uint64{}
	for _, p := range t.deleted {
		name := p.table.String() + " " + p.set
		if flags[name] == 0 {
			var err error
			if flags[name], err = c.setFlags(p.table, p.set); err != nil {
				return false, err
			}
		}
		x, found := Element{}, true
		if flags[name]&unix.NFT_SET_MAP != 0 {
			var err error
			if x, found, err = c.Element(p.table, p.set, p.key); err != nil {
				return false, err
			}
		}
		if !found || flags[name]&unix.NFT_SET_TIMEOUT == 0 {
			return false, nil
		}
		dying.expireElement(p, x)
	}
	if err := c.apply(dying); err != nil {
		return false, err
	}
	_, alive, err := c.Element(t.deleted[0].table, t.deleted[0].set, t.deleted[0].key)
	if err != nil {
		return false, err
	}
	if alive {
		// The kernel is older, or it has a new owner already: whoever looks again knows.
		c.keepsElements = true
		return false, fmt.Errorf("expire element of set %s %s: %w", t.deleted[0].table, t.deleted[0].set, unix.ERESTART)
	}
	c.expired, _ = lastTick()
	return true, nil
}

// setFlags returns the flags of a set (NFT_SET_*), none if it does not exist. Sets that
// earlier builds of these plugins made take no timeouts.
func (c *Conn) setFlags(t Table, set string) (uint64, error) {
	replies, err := c.ask(message{kind: unix.NFT_MSG_GETSET, what: fmt.Sprintf("look set %s %s up", t, set)}.about(t, func(a *attributes) {
		setName(a, t, set)
	}))
	if len(replies) == 0 {
		return 0, err
	}
	return replies[0].first(unix.NFTA_SET_FLAGS).number(), err
}

// expireElement gives an element that is there the shortest timeout, which is up with the
// next tick of the kernel's clock. One that is gone meanwhile is made, for as long.
func (t *Transaction) expireElement(p place, x Element) {
	what := fmt.Sprintf("expire element of set %s %s", p.table, p.set)
	t.add(message{kind: unix.NFT_MSG_NEWSETELEM, flags: unix.NLM_F_CREATE, what: what}, p.table, func(a *attributes) {
		elementsOf(a, p.table, p.set)
		a.nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS, func(a *attributes) {
			a.nest(unix.NFTA_LIST_ELEM, func(a *attributes) {
				a.nest(unix.NFTA_SET_ELEM_KEY, func(a *attributes) { a.bytes(unix.NFTA_DATA_VALUE, p.key) })
				if x.data != nil {
					a.bytes(unix.NFTA_SET_ELEM_DATA|unix.NLA_F_NESTED, x.data)
				}
				a.uint64(unix.NFTA_SET_ELEM_TIMEOUT, 1)
			})
		})
	})
}

// longestTick is what the kernel makes of the shortest timeout, in milliseconds, where its
// clock ticks 100 times a second.
const longestTick = 10

// isDying reports whether an element of a message is one that expires.
func isDying(element attributes) bool {
	timeout := element.first(unix.NFTA_SET_ELEM_TIMEOUT).number()
	return 0 < timeout && timeout <= longestTick
}

// lastTick returns when the kernel's clock ticked last, in nanoseconds, and how long a tick
// is.
func lastTick() (at, length int64) {
	var last, resolution unix.Timespec
	// The calls fail for a clock that the kernel lacks: each has this one since 2.6.32.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC_COARSE, &last)
	_ = unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &resolution)
	return last.Nano(), resolution.Nano()
}

// awaitTick waits until the kernel's clock has ticked behind a time, if that is not zero.
// There is no event for that, and where a processor is late the tick is late as well.
func awaitTick(behind int64) {
	for behind != 0 {
		last, length := lastTick()
		if last > behind {
			return
		}
		part := unix.NsecToTimespec(length / 8)
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &part, nil)
	}
}
