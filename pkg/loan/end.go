package loan

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// End brings the device back, wherever it is, and forgets the loan. container is
// nil if it is gone. It does nothing if another DEL has done so.
func (l *Loan) End(host, container *link.Namespace) error {
	return record.WhileThere(l.path(), func() error { return l.end(host, container) })
}

func (l *Loan) end(host, container *link.Namespace) error {
	back, err := l.bringBack(host, container)
	if err != nil {
		return err
	}
	others, err := l.others()
	if err != nil {
		return err
	}
	if !back && l.Device.IsHardware() && len(others) == 0 {
		fmt.Fprintf(os.Stderr, "%s is not back from container %s: its record stays until it is\n", l.Device.Name, l.ContainerID)
		return nil
	}
	return record.Remove(l.path())
}

// bringBack reports whether the device is back, which others than hardware never
// are if their namespace is gone.
func (l *Loan) bringBack(host, container *link.Namespace) (bool, error) {
	if container == nil {
		// The runtime may have forgotten what is still there.
		opened, err := link.Open(l.Netns)
		switch {
		case err == nil:
			defer opened.Close()
			container = opened
		case !ns.IsGone(err): // the record stays for the next DEL
			return false, err
		}
	}
	if container != nil {
		if err := l.Network.dropRules(container); err != nil {
			return false, err
		}
		if back, err := l.Device.Return(host, container); back || err != nil {
			return back, err
		}
	}
	if back, err := l.Device.Restore(host); back || err != nil {
		return back, err
	}
	if back, err := l.Device.IsHome(host); back || err != nil {
		return back, err
	}
	if container != nil || !l.Device.IsHardware() {
		return false, nil
	}
	return host.Await(context.Background(), returnTime, func() (bool, error) { return l.Device.Restore(host) }, unix.RTNLGRP_LINK)
}

// returnTime bounds the wait for the kernel to take a dead namespace apart, which
// returns its hardware to the host.
const returnTime = 3 * time.Second

// Collect ends the loans to attachments of the network that are not among the valid
// ones.
func Collect(host *link.Namespace, network string, valid []owner.Attachment) error {
	stale := owner.Stale(network, valid)
	loans, err := read(func(attachment, _ string) bool { return stale(attachment) })
	errs := []error{err}
	for _, l := range loans {
		errs = append(errs, l.End(host, nil))
	}
	return plugin.Join(errs...)
}

// Reclaim gives devices that had the name on the host, and that the kernel has
// returned under the one that they had in a container whose DEL is still to come,
// their own again. It waits for one that the kernel is about to return, and reports
// whether there was one.
func Reclaim(ctx context.Context, host *link.Namespace, name string) (bool, error) {
	loans, err := of(name)
	reclaimed := false
	for _, l := range loans {
		look := func() (bool, error) { return l.Device.Restore(host) }
		back, err := look()
		if err == nil && !back && l.isReturning() {
			back, err = host.Await(ctx, returnTime, look, unix.RTNLGRP_LINK)
		}
		if err != nil {
			return false, err
		}
		reclaimed = reclaimed || back
	}
	return reclaimed, err
}

// isReturning reports whether the kernel returns the device to the host, as it does with
// hardware, because its container's namespace has ended.
func (l *Loan) isReturning() bool {
	if !l.Device.IsHardware() {
		return false
	}
	container, err := link.Open(l.Netns)
	if err == nil {
		container.Close()
	}
	return ns.IsGone(err)
}

// EndUnrecorded brings a device back that upstream has moved: its name on the host
// is its alias, and the rest is unknown. Since containers may give any alias to links that
// they make, it is one that is hardware, or that is meant by the name.
func EndUnrecorded(host, container *link.Namespace, a owner.Attachment, isMeant func(*Loan) bool) error {
	lent, err := container.LinkByName(a.IfName)
	if link.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look %q up: %w", a.IfName, err)
	}
	attrs := lent.Attrs()
	if plugin.CheckIfName(attrs.Alias) != nil {
		return nil
	}
	l := &Loan{Attachment: a, Device: &link.Origin{
		Name: attrs.Alias, HostIndex: attrs.Index, Index: attrs.Index, MAC: attrs.HardwareAddr.String(), Kind: lent.Type(),
	}}
	if !l.Device.IsHardware() && !isMeant(l) {
		return nil
	}
	// The path of a dead container's namespace may be in use again.
	if others, err := l.others(); len(others) > 0 || err != nil {
		return err
	}
	_, err = l.Device.Return(host, container)
	return err
}
