package loopback

import (
	"fmt"
	"net"
	"slices"
	"syscall"

	"github.com/containernetworking/cni/pkg/types"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// name is the interface's, whatever CNI_IFNAME says: every network namespace is
// born with it.
const name = "lo"

// index is that of lo in every namespace (LOOPBACK_IFINDEX).
const index = 1

// device is the loopback interface of a network namespace, by a connection to that.
type device struct {
	conn
	// got are the addresses that the kernel has given it when it was set up.
	got []*net.IPNet
}

// open opens the device of the namespace at path. If there is none at the path,
// the error wraps ns.NSPathNotExistErr or ns.NSPathNotNSErr.
func open(path string) (*device, error) {
	space, err := ns.GetNS(path)
	if err != nil {
		return nil, plugin.Errorf(types.ErrInvalidNetNS, "%w", err)
	}
	defer space.Close()
	d := &device{}
	err = space.Do(func(ns.NetNS) (err error) {
		d.conn, err = dial()
		return err
	})
	return d, err
}

func (d *device) isUp() (bool, error) {
	answers, err := d.ask(unix.RTM_GETLINK, unix.NLM_F_ACK, linkMessage(0, 0))
	for _, m := range answers {
		if m.isOfLo(unix.RTM_NEWLINK) {
			return m.word(flagsOffset)&unix.IFF_UP != 0, nil
		}
	}
	if err == nil {
		err = unix.ENODEV
	}
	return false, fmt.Errorf("read flags of %q: %w", name, err)
}

// set sets the device up or down, and reports whether it was not. The kernel gives a device
// that goes up 127.0.0.1/8 and, if IPv6 is enabled, ::1/128, which it takes away from one that
// goes down. Of changes, and of nothing else, it notifies before it answers.
func (d *device) set(up bool) (changed bool, err error) {
	flags := uint32(0)
	if up {
		flags = unix.IFF_UP
	}
	answers, err := d.ask(unix.RTM_SETLINK, unix.NLM_F_ACK, linkMessage(flags, unix.IFF_UP))
	if err != nil {
		return false, fmt.Errorf("set %q to flags %#x: %w", name, flags, err)
	}
	d.got, err = addressesIn(answers)
	return slices.ContainsFunc(answers, func(m message) bool {
		return m.isOfLo(unix.RTM_NEWLINK) && m.word(changeOffset)&unix.IFF_UP != 0
	}), err
}

// addresses returns the addresses of the device in the kernel's order, each
// with its prefix length. A device that has got one of IPv4 had none before: then those are
// all, and need no list, for which the kernel takes the lock of all changes.
func (d *device) addresses() ([]*net.IPNet, error) {
	if slices.ContainsFunc(d.got, func(n *net.IPNet) bool { return n.IP.To4() != nil }) {
		return d.got, nil
	}
	answers, err := d.ask(unix.RTM_GETADDR, unix.NLM_F_DUMP, make([]byte, unix.SizeofIfAddrmsg))
	if err != nil {
		return nil, fmt.Errorf("list addresses of %q: %w", name, err)
	}
	return addressesIn(answers)
}

// addressesIn returns those that messages are about.
func addressesIn(messages []message) ([]*net.IPNet, error) {
	var networks []*net.IPNet
	for _, m := range messages {
		if !m.isOfLo(unix.RTM_NEWADDR) {
			continue
		}
		whole := syscall.NetlinkMessage(m)
		attrs, err := syscall.ParseNetlinkRouteAttr(&whole)
		if err != nil {
			return nil, fmt.Errorf("read an address of %q: %w", name, err)
		}
		var ip net.IP
		for _, attr := range attrs {
			// IFA_LOCAL, where there is one, follows IFA_ADDRESS, which may be a peer's.
			if attr.Attr.Type == unix.IFA_ADDRESS || attr.Attr.Type == unix.IFA_LOCAL {
				ip = attr.Value
			}
		}
		networks = append(networks, &net.IPNet{IP: ip, Mask: net.CIDRMask(int(m.Data[prefixOffset]), 8*len(ip))})
	}
	return networks, nil
}
