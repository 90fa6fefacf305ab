package vrf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
)

// settled returns the interface's IPv6 addresses once none that counts is subject
// to duplicate address detection. Link-local ones do not: the kernel makes them
// anew.
func settled(n *link.Namespace, l netlink.Link) ([]netlink.Addr, error) {
	addrs, err := addresses(n, l)
	if err != nil || !slices.ContainsFunc(addrs, isTentative) {
		return addrs, err
	}
	err = n.Do(func() error { return ip.SettleAddresses(l.Attrs().Name, ip.DetectionTime) })
	if err != nil {
		return nil, err
	}
	return addresses(n, l)
}

func isTentative(a netlink.Addr) bool {
	return a.Flags&unix.IFA_F_TENTATIVE != 0 && !a.IP.IsLinkLocalUnicast()
}

// addresses leaves out the temporary addresses, which the kernel makes from others.
func addresses(n *link.Namespace, l netlink.Link) ([]netlink.Addr, error) {
	addrs, err := n.AddrList(l, netlink.FAMILY_V6)
	if err != nil {
		return nil, fmt.Errorf("list addresses of %q: %w", l.Attrs().Name, err)
	}
	return slices.DeleteFunc(addrs, func(a netlink.Addr) bool {
		return a.Flags&unix.IFA_F_TEMPORARY != 0 && a.Flags&unix.IFA_F_PERMANENT == 0
	}), nil
}

// hold keeps the kernel from looking again whether the addresses are in use
// elsewhere when it sets the interface up: it has, and it takes 1 to 2 s.
func (m *membership) hold(n *link.Namespace, l netlink.Link) error {
	for _, a := range m.Addrs {
		if a.Flags&unix.IFA_F_PERMANENT == 0 || a.Flags&unix.IFA_F_NODAD != 0 || isTentative(a) || a.IP.IsLinkLocalUnicast() {
			continue
		}
		err := n.AddrReplace(l, again(a))
		if err != nil {
			return fmt.Errorf("hold address %v of %q: %w", a.IPNet, l.Attrs().Name, err)
		}
	}
	return nil
}

// again returns an address to be added again, without another look whether it is
// in use elsewhere.
func again(a netlink.Addr) *netlink.Addr {
	const settable = unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_MANAGETEMPADDR | unix.IFA_F_HOMEADDRESS | unix.IFA_F_MCAUTOJOIN
	tentative := isTentative(a)
	a.Flags &= settable
	if !tentative {
		a.Flags |= unix.IFA_F_NODAD
	}
	return &a
}

// readdress gives the interface those addresses again that it has lost, and waits
// until they work, if the interface did before.
func (m *membership) readdress(ctx context.Context, n *link.Namespace, l netlink.Link) error {
	var global ip.Config
	for _, a := range m.Addrs {
		if err := n.AddrAdd(l, again(a)); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add address %v to %q: %w", a.IPNet, l.Attrs().Name, err)
		}
		if !a.IP.IsLinkLocalUnicast() {
			global.Addrs = append(global.Addrs, a)
		}
	}
	if l.Attrs().OperState != netlink.OperUp || l.Attrs().Flags&net.FlagUp == 0 {
		return nil
	}
	return global.AwaitUse(ctx, n, l)
}
