package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// begin gets a lease for an attachment and keeps it. The caller has its key.
// After an error the interface is as before.
func (d *Daemon) begin(ctx context.Context, args *skel.CmdArgs) (*binding, error) {
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
		err = b.acquire(ctx, at)
	}
	if err != nil {
		return nil, errors.Join(err, down())
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

// acquire gets the lease, records it, and lets the daemon know the binding.
func (b *binding) acquire(ctx context.Context, at *reached) error {
	b.logf("acquiring lease")
	client, err := b.client(at)
	if err != nil {
		return err
	}
	defer client.Close()
	lease, err := client.Acquire(ctx)
	if err != nil {
		return err
	}
	b.logf("lease acquired, expiration is %v", lease.Expiry)
	b.record.V4, b.begun = lease, time.Now()
	err = b.changeMTU(at, &b.record)
	if err == nil {
		err = b.daemon.store.Save(&b.record)
	}
	if err == nil {
		err = b.watch(at)
	}
	if err != nil {
		return errors.Join(err, client.Release(lease), b.abandon(at))
	}
	return nil
}

// abandon takes back what acquire did.
func (b *binding) abandon(at *reached) error {
	none := b.record
	none.V4 = nil
	return errors.Join(b.changeMTU(at, &none), b.daemon.forget(b))
}
