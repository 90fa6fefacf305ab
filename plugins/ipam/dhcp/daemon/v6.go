package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// v6 is the lessor for IPv6. Addresses that the kernel makes of router
// advertisements, it keeps by itself.
type v6 struct{ *binding }

func (v v6) client() dhcp6.Client {
	return dhcp6.Client{Identity: dhcp6.Identify(v.attachment), Ignored: &v.ignored6}
}

func (v v6) times() (times, bool) {
	lease := v.snapshot().V6
	if lease == nil {
		return times{}, false
	}
	return times{lease.RenewAt(), lease.RebindAt(), lease.ExpiresAt()}, true
}

func (v v6) acquire(ctx context.Context) error {
	return v.reach(func(at *reached) error {
		lease, err := v.client().Acquire(ctx, at.Namespace, at.link)
		if err != nil {
			return err
		}
		return v.adopt(at, lease)
	})
}

func (v v6) confirm(ctx context.Context) error {
	lease := v.snapshot().V6
	return v.reach(func(at *reached) error {
		err := v.client().Confirm(ctx, at.Namespace, at.link, lease)
		if errors.Is(err, dhcp6.ErrWithdrawn) {
			return refused(err)
		}
		// The kernel may have forgotten addresses when the link went down.
		return errors.Join(err, v.adopt(at, lease))
	})
}

func (v v6) renew(ctx context.Context) error { return v.prolong(ctx, v.client().Renew) }

func (v v6) rebind(ctx context.Context) error { return v.prolong(ctx, v.client().Rebind) }

func (v v6) prolong(ctx context.Context, ask func(context.Context, *link.Namespace, netlink.Link, *dhcp6.Lease) (*dhcp6.Lease, error)) error {
	lease := v.snapshot().V6
	return v.reach(func(at *reached) error {
		longer, err := ask(ctx, at.Namespace, at.link, lease)
		if err != nil {
			return refused(err)
		}
		return v.adopt(at, longer)
	})
}

// adopt takes a lease over, as that of v4 does.
func (v v6) adopt(at *reached, lease *dhcp6.Lease) error {
	r := v.snapshot()
	before := r.HeldV6()
	if r.V6 != nil && !r.V6.SameAddresses(lease) {
		r.FormerV6 = before
	}
	err := v.save(func(now *store.Record) { now.V6, now.FormerV6 = lease, r.FormerV6 })
	failed := v.change(at, before, lease)
	if failed == nil && len(r.FormerV6) > 0 {
		failed = v.save(func(r *store.Record) { r.FormerV6 = nil })
	}
	return errors.Join(err, failed)
}

func (v v6) withdraw() error {
	r := v.snapshot()
	before := r.HeldV6()
	var left []*dhcp6.Lease
	return v.withdrawBy(
		func(at *reached) error {
			err := v.change(at, before, nil)
			if err != nil {
				left = before
			}
			return err
		},
		func(r *store.Record) { r.V6, r.FormerV6 = nil, left })
}

// change gives the interface what one lease says in place of others. Nil is
// none.
func (v v6) change(at *reached, before []*dhcp6.Lease, after *dhcp6.Lease) error {
	was, err := v.config(before...).Locate(at.Namespace, at.link, false)
	if err != nil {
		return err
	}
	return was.Change(at.Namespace, at.link, v.config(after))
}

// config is what plugins make of the results of leases. Nil is none.
func (v v6) config(leases ...*dhcp6.Lease) ip.Config {
	var all ip.Config
	for _, lease := range leases {
		all = all.With(v.kernelConfig(&store.Record{V6: lease}))
	}
	return all
}

// releaseTime bounds the wait for a server to say that it has an address back: it
// has been told by then, a second time as well.
const releaseTime = 3 * time.Second

func (v v6) release(ctx context.Context, lease *dhcp6.Lease) error {
	ctx, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	return v.reach(func(at *reached) error { return v.client().Release(ctx, at.Namespace, at.link, lease) })
}
