package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// begin gets a lease for an attachment and keeps it. The caller has its key.
// After an error the interface is as before.
func (d *Daemon) begin(ctx context.Context, args *plugin.CmdArgs) (*binding, error) {
	b, err := d.newBinding(record(args))
	if err != nil {
		return nil, err
	}
	n, err := link.Open(d.options.HostPrefix + args.Netns)
	if err != nil {
		return nil, plugin.Errorf(types.ErrInvalidNetNS, "%w", err)
	}
	defer n.Close()
	l, err := n.LinkByName(args.IfName)
	if err != nil {
		return nil, fmt.Errorf("error looking up %q: %w", args.IfName, err)
	}
	at := &reached{n, l}
	if b.record.Namespace, err = identify(n); err != nil {
		return nil, err
	}
	attrs := l.Attrs()
	b.record.Index, b.record.MAC, b.record.MTU = attrs.Index, attrs.HardwareAddr.String(), attrs.MTU
	down, err := b.setUp(ctx, at)
	if err == nil {
		err = b.obtain(ctx, at)
	}
	if err != nil {
		if err := down(); err != nil {
			b.logf("%v", err)
		}
		return nil, err
	}
	b.start(0)
	return b, nil
}

// setUp sets the interface up, if need be, and returns what sets it down again.
func (b *binding) setUp(ctx context.Context, at *reached) (down func() error, err error) {
	down = func() error { return nil }
	if at.link.Attrs().Flags&net.FlagUp == 0 {
		b.logf("Link %q down. Attempting to set up", at.link.Attrs().Name)
		down = func() error { return at.LinkSetDown(at.link) }
		if err := at.LinkSetUp(at.link); err != nil {
			return down, fmt.Errorf("set %q up: %w", at.link.Attrs().Name, err)
		}
	}
	if err := at.AwaitUp(ctx, at.link); err != nil {
		return down, err
	}
	return down, awaitPeer(ctx, at)
}

// awaitPeer waits for the other end of a veth pair, if that is on the host: a
// bridge forwards nothing of what comes through a port before it has taken
// notice that the port is up.
func awaitPeer(ctx context.Context, at *reached) error {
	if at.link.Type() != "veth" {
		return nil
	}
	host, err := link.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	peer, err := host.LinkByIndex(link.PeerIndex(at.link))
	if err != nil || link.PeerIndex(peer) != at.link.Attrs().Index || peer.Attrs().Flags&net.FlagUp == 0 {
		return nil // the number is one of another namespace
	}
	return host.AwaitUp(ctx, peer)
}

// obtain gets the leases, records them, and lets the daemon know the binding.
func (b *binding) obtain(ctx context.Context, at *reached) error {
	b.logf("acquiring lease")
	if err := b.obtainAll(ctx, at); err != nil {
		return errors.Join(err, b.abandon(ctx, at))
	}
	b.begun = time.Now()
	err := b.changeMTU(at, &b.record)
	if err == nil {
		err = b.save(func(*store.Record) {})
	}
	if err == nil {
		err = b.watch(at)
	}
	if err != nil {
		return errors.Join(err, b.abandon(ctx, at))
	}
	for _, k := range b.keepers {
		k.logExpiry("acquired")
	}
	return nil
}

// obtainAll gets what the configuration asks for, at the same time. The first
// error ends the rest.
func (b *binding) obtainAll(ctx context.Context, at *reached) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	var once sync.Once
	var first error
	try := func(get func() error) {
		running.Go(func() {
			if err := plugin.Guard(get); err != nil {
				once.Do(func() { first = err })
				cancel()
			}
		})
	}
	try(func() (err error) { b.record.V4, err = b.acquireV4(ctx, at); return err })
	if b.conf.LeasesIPv6() {
		try(func() (err error) {
			b.record.V6, err = v6{b}.client().Acquire(ctx, at.Namespace, at.link)
			return err
		})
	}
	if b.conf.AwaitsRouter() {
		try(func() (err error) { b.record.RA, err = b.awaitRouter(ctx, at); return err })
	}
	running.Wait()
	return first
}

func (b *binding) acquireV4(ctx context.Context, at *reached) (*dhcp4.Lease, error) {
	client, err := v4{b}.client(at)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Acquire(ctx)
}

// awaitRouter waits for a router advertisement, and asks a server for what it does
// not say of name servers, unless DHCPv6 tells that with the addresses.
func (b *binding) awaitRouter(ctx context.Context, at *reached) (*dhcp6.Advertisement, error) {
	wanted := dhcp6.Wanted{
		Address:        !b.conf.LeasesIPv6(),
		NoDefaultRoute: b.defaultRoute.IsDropped(),
		Metric:         cmp.Or(b.defaultRoute.Metric(), b.conf.Priority),
	}
	a, err := dhcp6.AwaitAdvertisement(ctx, at.Namespace, at.link, wanted, &b.ignored6)
	if err == nil && wanted.NoDefaultRoute {
		err = at.dropAdvertised()
	}
	if err != nil || !b.conf.DNS || !a.Other || !wanted.Address {
		return a, err
	}
	information, err := v6{b}.client().Inquire(ctx, at.Namespace, at.link)
	if err != nil {
		return nil, err
	}
	a.DNS, a.Search = append(a.DNS, information.DNS...), append(a.Search, information.Search...)
	return a, nil
}

// dropAdvertised removes the default routes that the kernel made before it was told not to: it asks
// for an advertisement as soon as the interface is up.
func (at *reached) dropAdvertised() error {
	routes, err := at.Routes(at.link, netlink.FAMILY_V6)
	for _, r := range routes {
		if r.Protocol != unix.RTPROT_RA || !ip.IsIPNetZero(r.Dst) {
			continue
		}
		if failed := at.RouteDel(&r); failed != nil && !errors.Is(failed, unix.ESRCH) {
			err = errors.Join(err, fmt.Errorf("remove route %s dev %s: %w", ip.RouteText(r), at.link.Attrs().Name, failed))
		}
	}
	return err
}

// abandon takes back what obtain did.
func (b *binding) abandon(ctx context.Context, at *reached) error {
	err := b.release(context.WithoutCancel(ctx))
	none := b.record
	none.V4 = nil
	return errors.Join(err, b.changeMTU(at, &none), b.daemon.forget(b))
}

// release tells the servers that their addresses are not used any longer.
func (b *binding) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.daemon.options.Timeout)
	defer cancel()
	r := b.snapshot()
	var err4, err6 error
	var running sync.WaitGroup
	try := func(failed *error, release func() error) {
		running.Go(func() { *failed = plugin.Guard(release) })
	}
	if r.V4 != nil {
		try(&err4, func() error {
			return v4{b}.exchange(func(_ *reached, c *dhcp4.Client) error { return c.Release(r.V4) })
		})
	}
	if r.V6 != nil {
		try(&err6, func() error { return v6{b}.release(ctx, r.V6) })
	}
	running.Wait()
	return errors.Join(err4, err6)
}
