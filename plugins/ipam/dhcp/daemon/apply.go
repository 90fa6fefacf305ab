package daemon

import (
	"errors"
	"fmt"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// adopt takes a lease over that was renewed, confirmed or newly got: records it
// and gives the interface what is different in it or, if lost, what it may have
// lost.
func (b *binding) adopt(lease *dhcp4.Lease, lost bool) error {
	b.mu.Lock()
	before := b.record
	b.record.V4 = lease
	after := b.record
	b.mu.Unlock()
	err := b.daemon.store.Save(&after)
	if before.V4 != nil && before.V4.SameSettings(lease) && !lost {
		return err
	}
	return errors.Join(err, b.reach(func(at *reached) error { return b.change(at, &before, &after) }))
}

// reapply gives the interface back what it lost when it was down.
func (b *binding) reapply() error {
	r := b.snapshot()
	return b.reach(func(at *reached) error { return b.change(at, &r, &r) })
}

// withdraw takes a lease off that is over.
func (b *binding) withdraw(state string) error {
	b.mu.Lock()
	before := b.record
	b.record.V4 = nil
	b.state = state
	after := b.record
	b.mu.Unlock()
	return errors.Join(
		b.daemon.store.Save(&after),
		b.reach(func(at *reached) error { return b.change(at, &before, &after) }))
}

// change gives the interface what one record says in place of another, and tells
// the neighbours if that is another address.
func (b *binding) change(at *reached, before, after *store.Record) error {
	err := errors.Join(
		b.changeMTU(at, after),
		b.kernelConfig(before).Change(at.Namespace, at.link, b.kernelConfig(after)))
	if after.V4 == nil {
		return err
	}
	b.logf("%s has %v now", at.link.Attrs().Name, after.V4.Address)
	return errors.Join(err, at.Do(func() error {
		return dhcp4.Announce(at.link.Attrs().Index, at.link.Attrs().HardwareAddr, after.V4.Address.Addr())
	}))
}

// kernelConfig is what plugins make of the result of a lease.
func (b *binding) kernelConfig(r *store.Record) ip.Config {
	return iface.SetUp{}.Config(result(b.conf, r))
}

// changeMTU sets the MTU that the server says, or else that from before.
func (b *binding) changeMTU(at *reached, r *store.Record) error {
	if !b.conf.MTU {
		return nil
	}
	mtu := leasedMTU(b.conf, r)
	if mtu == 0 {
		mtu = r.MTU
	}
	if mtu == 0 || mtu == at.link.Attrs().MTU {
		return nil
	}
	if err := at.LinkSetMTU(at.link, mtu); err != nil {
		return fmt.Errorf("set MTU of %q to %d: %w", at.link.Attrs().Name, mtu, err)
	}
	return nil
}
