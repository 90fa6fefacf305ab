package hostdevice

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
)

// directory has a record for each device that a container has. Like the devices'
// places it does not survive a reboot.
const directory = "/run/cni/host-device"

// loan is a device in a container, with what it takes to bring it back.
type loan struct {
	owner.Attachment
	// Netns is where the container's namespace was at ADD.
	Netns  string       `json:"netns"`
	Device *link.Origin `json:"device"`
}

// recordSuffix ends the names of records. Before it they have the prefix of the
// attachment and the name of the device, so that both find them.
const recordSuffix = ".json"

func (l *loan) path() string {
	return filepath.Join(directory, l.Prefix()+"@"+l.Device.Name+recordSuffix)
}

// write needs no lock: whoever has the attachment is alone with it.
func (l *loan) write() error { return record.Save(l.path(), l) }

// readLoans returns the loans in records whose names match. A record that makes
// no sense is as good as none.
func readLoans(match func(attachment, device string) bool) ([]*loan, error) {
	files, err := record.Names(directory)
	if err != nil {
		return nil, err
	}
	var loans []*loan
	for _, file := range files {
		name, ok := strings.CutSuffix(file, recordSuffix)
		if !ok || len(name) <= owner.PrefixLen || !match(name[:owner.PrefixLen], name[owner.PrefixLen+1:]) {
			continue
		}
		path, l := filepath.Join(directory, file), new(loan)
		found, err := record.Read(path, l)
		if err != nil {
			return nil, err
		}
		if found && l.Device != nil && l.path() == path {
			loans = append(loans, l)
		}
	}
	return loans, nil
}

// loansTo returns what an attachment has: one device, unless it was added anew
// without having been deleted.
func loansTo(a owner.Attachment) ([]*loan, error) {
	return readLoans(func(attachment, _ string) bool { return attachment == a.Prefix() })
}

// loansOf returns those who have a device of that name or, as a device is in one
// place, had it.
func loansOf(name string) ([]*loan, error) {
	return readLoans(func(_, device string) bool { return device == name })
}

// lend notes down how the device is and moves it. Who moves it is the last who
// has it: of two who try at once, the other one fails.
func lend(a *iface.Attachment, device netlink.Link) (netlink.Link, error) {
	origin, err := a.Host.Origin(device)
	if err != nil {
		return nil, err
	}
	loan := &loan{Attachment: a.Attachment, Netns: a.Args.Netns, Device: origin}
	a.Undo(func() error { return loan.end(a.Host, a.Container) })
	if err := loan.write(); err != nil {
		return nil, err
	}
	l, err := origin.Lend(a.Host, a.Container, a.IfName)
	if err != nil {
		return nil, err
	}
	if origin.Index != device.Attrs().Index {
		if err := loan.write(); err != nil {
			return nil, err
		}
	}
	return l, loan.supersede()
}

// others returns the records of others who have or had the device, which is not
// each of its name: that is free for another one while it is away.
func (l *loan) others() ([]*loan, error) {
	loans, err := loansOf(l.Device.Name)
	return slices.DeleteFunc(loans, func(other *loan) bool {
		return other.Attachment == l.Attachment || !other.Device.Same(l.Device)
	}), err
}

// supersede removes the records of others who had the device.
func (l *loan) supersede() error {
	others, err := l.others()
	for _, other := range others {
		err = errors.Join(err, record.Remove(other.path()))
	}
	return err
}

// end brings the device back, wherever it is, and forgets the loan. container is
// nil if it is gone.
func (l *loan) end(host, container *link.Namespace) error {
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
func (l *loan) bringBack(host, container *link.Namespace) (bool, error) {
	if container == nil {
		// The runtime may have forgotten what is still there.
		if opened, err := link.Open(l.Netns); err == nil {
			defer opened.Close()
			container = opened
		}
	}
	if container != nil {
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
