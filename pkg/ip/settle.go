//go:build linux

package ip

import (
	"context"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// SETTLE_INTERVAL was the interval at which SettleAddresses looked.
//
// Deprecated: SettleAddresses waits for the kernel's notifications.
const SETTLE_INTERVAL = 50 * time.Millisecond

// DetectionTime bounds duplicate address detection, which takes the kernel 1 to 2 s on a link
// with a carrier.
const DetectionTime = 5 * time.Second

// SettleAddresses waits until duplicate address detection (RFC 4862, section
// 5.4) is over for all IPv6 addresses of the link, which takes the kernel 1 to
// 2 s. It returns an error if an address turns out to be in use by somebody
// else, or if one is still tentative after timeout although the link is up.
// Detection does not run without a carrier; then there is no wait.
func SettleAddresses(ifName string, timeout time.Duration) error {
	n, err := link.Host()
	if err != nil {
		return err
	}
	defer n.Close()
	l, err := n.LinkByName(ifName)
	if err != nil {
		return fmt.Errorf("failed to lookup %q: %w", ifName, err)
	}
	look := func() (bool, error) { return settled(n, l) }
	done, err := n.Await(context.Background(), timeout, look, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV6_IFADDR)
	if done || err != nil {
		return err
	}
	return unsettled(n, l, timeout)
}

// settled reports whether nothing is to be waited for: no address is
// tentative, or there is no carrier.
func settled(n *link.Namespace, l netlink.Link) (bool, error) {
	addrs, err := n.AddrList(l, netlink.FAMILY_V6)
	if err != nil {
		return false, fmt.Errorf("list addresses of %q: %w", l.Attrs().Name, err)
	}
	tentative := false
	for _, addr := range addrs {
		if addr.Flags&unix.IFA_F_DADFAILED != 0 {
			return false, fmt.Errorf("link %s has address %s in DADFAILED state", l.Attrs().Name, addr.IP)
		}
		tentative = tentative || addr.Flags&unix.IFA_F_TENTATIVE != 0
	}
	if !tentative {
		return true, nil
	}
	now, err := n.LinkByIndex(l.Attrs().Index)
	if link.IsNotFound(err) { // deleted since its addresses were listed
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look %q up: %w", l.Attrs().Name, err)
	}
	return now.Attrs().RawFlags&unix.IFF_LOWER_UP == 0, nil
}

// unsettled is the end of a wait that was too long. A link that is not
// operational cannot detect anything, which is nobody's fault.
func unsettled(n *link.Namespace, l netlink.Link, timeout time.Duration) error {
	now, err := n.LinkByIndex(l.Attrs().Index)
	if link.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look %q up: %w", l.Attrs().Name, err)
	}
	if now.Attrs().OperState != netlink.OperUp {
		return nil
	}
	return fmt.Errorf("link %s still has tentative addresses after %d seconds", l.Attrs().Name, timeout/time.Second)
}
