package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// v4 is the lessor for IPv4.
type v4 struct{ *binding }

func (v v4) times() (times, bool) {
	lease := v.snapshot().V4
	if lease == nil {
		return times{}, false
	}
	return times{lease.Renew, lease.Rebind, lease.Expiry}, true
}

func (v v4) acquire(ctx context.Context) error {
	return v.exchange(func(at *reached, c *dhcp4.Client) error {
		lease, err := c.Acquire(ctx)
		if err != nil {
			return err
		}
		return v.adopt(at, lease, true)
	})
}

func (v v4) confirm(ctx context.Context) error {
	lease := v.snapshot().V4
	return v.exchange(func(at *reached, c *dhcp4.Client) error {
		confirmed, err := c.Confirm(ctx, lease)
		if errors.Is(err, dhcp4.ErrRefused) {
			return refused(err)
		}
		if err != nil {
			confirmed = lease
		}
		return errors.Join(err, v.adopt(at, confirmed, true))
	})
}

func (v v4) renew(ctx context.Context) error  { return v.prolong(ctx, (*dhcp4.Client).Renew) }
func (v v4) rebind(ctx context.Context) error { return v.prolong(ctx, (*dhcp4.Client).Rebind) }

func (v v4) prolong(ctx context.Context, ask func(*dhcp4.Client, context.Context, *dhcp4.Lease) (*dhcp4.Lease, error)) error {
	lease := v.snapshot().V4
	return v.exchange(func(at *reached, c *dhcp4.Client) error {
		longer, err := ask(c, ctx, lease)
		if err != nil {
			return refused(err)
		}
		return v.adopt(at, longer, false)
	})
}

// refused makes what a server said no with an errRefused.
func refused(err error) error {
	if errors.Is(err, dhcp4.ErrRefused) || errors.Is(err, dhcp6.ErrWithdrawn) {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}

// adopt takes a lease over. With lost, the interface may have lost what it had of
// the same one before. What the interface may still have of earlier leases is on record until
// that is gone: a daemon that ends here, or fails, does it another time.
func (v v4) adopt(at *reached, lease *dhcp4.Lease, lost bool) error {
	r := v.snapshot()
	before := r.HeldV4()
	isNew := r.V4 == nil || !r.V4.SameSettings(lease)
	err := v.save(func(r *store.Record) {
		if r.V4 = lease; isNew {
			r.FormerV4, r.UnappliedV4 = before, true
		}
	})
	if !isNew && !lost && !r.UnappliedV4 {
		return err
	}
	if r.UnappliedV4 {
		v.setFlushed(true)
	}
	failed := v.change(at, before, lease)
	if failed == nil && (isNew || r.UnappliedV4) {
		failed = v.save(func(r *store.Record) { r.FormerV4, r.UnappliedV4 = nil, false })
	}
	return errors.Join(err, failed)
}

func (v v4) withdraw() error {
	r := v.snapshot()
	before := r.HeldV4()
	var left []*dhcp4.Lease
	return v.withdrawBy(
		func(at *reached) error {
			err := v.change(at, before, nil)
			if err != nil {
				left = before
			}
			return err
		},
		func(r *store.Record) { r.V4, r.FormerV4, r.UnappliedV4 = nil, left, false })
}

// change gives the interface what one lease says in place of others, and tells
// the neighbours. Nil is none.
func (v v4) change(at *reached, before []*dhcp4.Lease, after *dhcp4.Lease) error {
	r := v.snapshot()
	r.V4 = after
	err := errors.Join(v.changeMTU(at, &r), v.place(at, before, after))
	if after == nil {
		return err
	}
	v.logf("%s has %v now", at.link.Attrs().Name, after.Address)
	return errors.Join(err, at.Do(func() error {
		return dhcp4.Announce(at.link.Attrs().Index, at.link.Attrs().HardwareAddr, after.Address.Addr())
	}))
}

// place does that with addresses and routes. Those of a lease that follows one which was withdrawn
// take the places of that one's.
func (v v4) place(at *reached, before []*dhcp4.Lease, after *dhcp4.Lease) error {
	flushed := v.setFlushed(false)
	err := func() (err error) {
		if len(before) > 0 {
			v.placed, err = v.config(before...).Locate(at.Namespace, at.link, flushed)
			if err != nil {
				return err
			}
		}
		return v.placed.Change(at.Namespace, at.link, v.config(after))
	}()
	if err != nil && flushed {
		v.setFlushed(true) // still
	}
	return err
}

// config is what plugins make of the results of leases. Nil is none.
func (v v4) config(leases ...*dhcp4.Lease) ip.Config {
	var all ip.Config
	for _, lease := range leases {
		all = all.With(v.kernelConfig(&store.Record{V4: lease}))
	}
	return all
}

// exchange opens a client for one exchange with a server.
func (v v4) exchange(talk func(*reached, *dhcp4.Client) error) error {
	return v.reach(func(at *reached) error {
		c, err := v.client(at)
		if err != nil {
			return unreached{err}
		}
		defer c.Close()
		return talk(at, c)
	})
}

// client opens a client on the interface.
func (v v4) client(at *reached) (*dhcp4.Client, error) {
	options, err := v.conf.Options(v.snapshot().Args)
	if err != nil {
		return nil, err
	}
	requested, err := v.conf.RequestList()
	if err != nil {
		return nil, err
	}
	attrs := at.link.Attrs()
	c := dhcp4.Config{
		Interface: attrs.Name,
		Index:     attrs.Index,
		MAC:       attrs.HardwareAddr,
		Options:   options,
		Requested: requested,
		Broadcast: v.broadcast(at.link),
		Timeout:   v.daemon.options.Timeout,
		MaxWait:   v.daemon.options.ResendMax,
		Ignored:   &v.ignored4,
	}
	c.ClientID = v.conf.ClientIDOf(v.attachment, c.MAC)
	var client *dhcp4.Client
	err = v.daemon.threads.limit(func() error {
		return at.Do(func() (err error) {
			client, err = dhcp4.Open(c)
			return err
		})
	})
	return client, err
}

// broadcast reports whether servers have to broadcast their answers. An ipvlan
// interface shares its hardware address with others, and gets only what is for
// an IP address that it has.
func (v v4) broadcast(l netlink.Link) bool {
	if v.conf.Broadcast != nil {
		return *v.conf.Broadcast
	}
	return v.daemon.options.Broadcast || l.Type() == "ipvlan"
}
