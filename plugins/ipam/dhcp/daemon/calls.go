package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/rpc"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// methods are what clients may call. Each ends within the time that they are told.
func (d *Daemon) methods() map[string]rpc.Method {
	methods := map[string]rpc.Method{
		rpc.Allocate: d.allocate,
		rpc.Release:  d.release,
		rpc.Check:    d.check,
		rpc.Collect:  d.collect,
		rpc.Leases:   d.leases,
	}
	for name, method := range methods {
		methods[name] = func(ctx context.Context, args *plugin.CmdArgs) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, d.options.ResendTimeout)
			defer cancel()
			value, err := method(ctx, args)
			if err != nil {
				return nil, answer(err)
			}
			return value, nil
		}
	}
	return methods
}

// answer is an error as clients get it. The text for a lease that cannot be had
// is the one that they know.
func answer(err error) error {
	out := &rpc.Error{Message: err.Error()}
	if code := plugin.Code(err); code != types.ErrInternal {
		out.Code = code
	}
	var silence *dhcp4.NoAnswer
	if errors.As(err, &silence) || errors.Is(err, dhcp6.ErrNoServer) || errors.Is(err, dhcp6.ErrNoRouter) {
		out.Message, out.Details, out.Code = "no more tries", err.Error(), types.ErrTryAgainLater
	}
	return out
}

// attachmentOf returns whom a call is about.
func attachmentOf(args *plugin.CmdArgs) (owner.Attachment, error) {
	network, err := plugin.Network(args.StdinData)
	if err != nil {
		return owner.Attachment{}, err
	}
	a := owner.Attachment{Network: network.Name, ContainerID: args.ContainerID, IfName: args.IfName}
	if a.ContainerID == "" || a.IfName == "" {
		return a, plugin.Errorf(types.ErrInvalidEnvironmentVariables, "container id or interface name is missing")
	}
	return a, nil
}

// allocate answers ADD.
func (d *Daemon) allocate(ctx context.Context, args *plugin.CmdArgs) (any, error) {
	a, err := attachmentOf(args)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(args.Netns) {
		return nil, plugin.Errorf(types.ErrInvalidNetNS, "path of network namespace %q is not absolute", args.Netns)
	}
	unlock, err := d.keys.lock(ctx, a)
	if err != nil {
		return nil, err
	}
	defer unlock()
	b := d.get(a)
	if b != nil && !b.serves(args.Netns) {
		// Of a container that had the same name, or expired.
		if err := d.end(ctx, b); err != nil {
			return nil, err
		}
		b = nil
	}
	if b == nil {
		b, err = d.begin(ctx, args)
		if err != nil {
			return nil, err
		}
	}
	r := b.snapshot()
	return result(b.conf, &r), nil
}

// release answers DEL. That there is no lease is as it should be.
func (d *Daemon) release(ctx context.Context, args *plugin.CmdArgs) (any, error) {
	a, err := attachmentOf(args)
	if err != nil {
		return nil, err
	}
	return nil, d.releaseOne(ctx, d.former(a, args.Netns))
}

// former returns the attachment under the name that its network had at ADD, which somebody
// may have changed since: that which has a lease for the same interface of the namespace.
// One whose namespace is gone is forgotten without a DEL.
func (d *Daemon) former(a owner.Attachment, netns string) owner.Attachment {
	if d.get(a) != nil {
		return a
	}
	for _, b := range d.all() {
		if b.attachment.ContainerID == a.ContainerID && b.attachment.IfName == a.IfName && b.serves(netns) {
			return b.attachment
		}
	}
	return a
}

func (d *Daemon) releaseOne(ctx context.Context, a owner.Attachment) error {
	unlock, err := d.keys.lock(ctx, a)
	if err != nil {
		return err
	}
	defer unlock()
	if b := d.get(a); b != nil {
		return d.end(ctx, b)
	}
	return nil
}

// end gives a lease back and forgets it. The caller has the key. That the server
// cannot be told is no error: the interface may be gone.
func (d *Daemon) end(ctx context.Context, b *binding) error {
	b.end()
	if err := b.giveBack(ctx); err != nil {
		b.logf("%v", err)
	}
	return d.forget(b)
}

// giveBack tells the servers, and undoes what the daemon did to the interface.
func (b *binding) giveBack(ctx context.Context) error {
	b.logf("releasing lease")
	r := b.snapshot()
	err := b.release(ctx)
	if errors.Is(err, errGone) {
		return fmt.Errorf("lease not released: %w", err)
	}
	r.V4 = nil
	return errors.Join(err, b.reach(func(at *reached) error { return b.changeMTU(at, &r) }))
}

// check answers CHECK.
func (d *Daemon) check(_ context.Context, args *plugin.CmdArgs) (any, error) {
	a, err := attachmentOf(args)
	if err != nil {
		return nil, err
	}
	b := d.get(a)
	if b == nil {
		return nil, fmt.Errorf("no lease for %s", config.Key(a))
	}
	return nil, b.check(args)
}

// collect answers GC.
func (d *Daemon) collect(ctx context.Context, args *plugin.CmdArgs) (any, error) {
	network, err := plugin.Network(args.StdinData)
	if err != nil {
		return nil, err
	}
	valid, err := plugin.ValidAttachments(args.StdinData)
	if err != nil || valid == nil {
		return nil, err
	}
	keep := make(map[owner.Attachment]bool, len(valid))
	for _, a := range valid {
		keep[a] = true
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, b := range d.all() {
		if b.attachment.Network != network.Name || keep[b.attachment] {
			continue
		}
		running.Go(func() {
			err := plugin.Guard(func() error { return d.releaseOne(ctx, b.attachment) })
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	running.Wait()
	return nil, plugin.Join(errs...)
}

// leases answers `dhcp leases`.
func (d *Daemon) leases(context.Context, *plugin.CmdArgs) (any, error) {
	text, err := json.Marshal(d.list())
	return &List{text}, err
}

// record starts the record of an attachment.
func record(args *plugin.CmdArgs) *store.Record {
	return &store.Record{
		ContainerID: args.ContainerID,
		Netns:       args.Netns,
		IfName:      args.IfName,
		Name:        args.IfName,
		Args:        args.Args,
		Config:      args.StdinData,
	}
}
