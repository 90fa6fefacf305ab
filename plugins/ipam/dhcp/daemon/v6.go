package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/vishvananda/netlink"

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
		return errors.Join(err, v.change(at, lease, lease))
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

// adopt takes a lease over.
func (v v6) adopt(at *reached, lease *dhcp6.Lease) error {
	before := v.snapshot().V6
	return errors.Join(
		v.save(func(r *store.Record) { r.V6 = lease }),
		v.change(at, before, lease))
}

func (v v6) withdraw() error {
	before := v.snapshot().V6
	return v.withdrawBy(
		func(at *reached) error { return v.change(at, before, nil) },
		func(r *store.Record) { r.V6 = nil })
}

// change gives the interface what one lease says in place of another. Nil is
// none.
func (v v6) change(at *reached, before, after *dhcp6.Lease) error {
	was, err := v.kernelConfig(&store.Record{V6: before}).Locate(at.Namespace, at.link, false)
	if err != nil {
		return err
	}
	return was.Change(at.Namespace, at.link, v.kernelConfig(&store.Record{V6: after}))
}

// releaseTime bounds the wait for a server to say that it has an address back: it
// has been told by then, a second time as well.
const releaseTime = 3 * time.Second

func (v v6) release(ctx context.Context, lease *dhcp6.Lease) error {
	ctx, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	return v.reach(func(at *reached) error { return v.client().Release(ctx, at.Namespace, at.link, lease) })
}
