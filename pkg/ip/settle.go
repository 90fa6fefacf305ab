//go:build linux

package ip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
)

// SETTLE_INTERVAL is there for upstream's importers. SettleAddresses waits for
// the kernel's notifications and has no interval.
const SETTLE_INTERVAL = 50 * time.Millisecond

// SettleAddresses waits until duplicate address detection (RFC 4862, section
// 5.4) is over for all IPv6 addresses of the link, which takes the kernel 1 to
// 2 s. It returns an error if an address turns out to be in use by somebody
// else, or if one is still tentative after timeout although the link is up.
// Detection does not run without a carrier; then there is no wait.
func SettleAddresses(ifName string, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	l, err := netlinksafe.LinkByName(ifName)
	if err != nil {
		return fmt.Errorf("failed to lookup %q: %w", ifName, err)
	}
	// Before the first look, so that no change falls between it and the wait.
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return fmt.Errorf("subscribe to addresses of %q: %w", ifName, err)
	}
	defer socket.Close()

	for {
		settled, err := settled(l)
		if err != nil || settled {
			return err
		}
		changed, err := awaitChange(socket, l.Attrs().Index, deadline)
		if err != nil {
			return fmt.Errorf("wait for addresses of %q: %w", ifName, err)
		}
		if !changed {
			return unsettled(ifName, timeout)
		}
	}
}

// settled reports whether nothing is to be waited for: no address is
// tentative, or there is no carrier.
func settled(l netlink.Link) (bool, error) {
	addrs, err := netlinksafe.AddrList(l, netlink.FAMILY_V6)
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
	now, err := netlink.LinkByIndex(l.Attrs().Index)
	if err != nil {
		return false, fmt.Errorf("look %q up: %w", l.Attrs().Name, err)
	}
	return now.Attrs().RawFlags&unix.IFF_LOWER_UP == 0, nil
}

// awaitChange waits for a notification about the link or an address of it, and
// returns false if there is none until deadline.
func awaitChange(socket *nl.NetlinkSocket, index int, deadline time.Time) (bool, error) {
	for {
		// A timeout of 0 would mean to wait forever.
		left := time.Until(deadline)
		if left <= 0 {
			return false, nil
		}
		timeout := unix.NsecToTimeval(max(left, time.Microsecond).Nanoseconds())
		if err := socket.SetReceiveTimeout(&timeout); err != nil {
			return false, err
		}
		messages, from, err := socket.Receive()
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false, nil
		case errors.Is(err, unix.ENOBUFS): // some were lost: look
			return true, nil
		case err != nil:
			return false, err
		case from.Pid != nl.PidKernel:
			continue
		}
		for _, m := range messages {
			// ifinfomsg and ifaddrmsg both have the index here.
			if len(m.Data) >= 8 && binary.NativeEndian.Uint32(m.Data[4:]) == uint32(index) {
				return true, nil
			}
		}
	}
}

// unsettled is the end of a wait that was too long. A link that is not
// operational cannot detect anything, which is nobody's fault.
func unsettled(ifName string, timeout time.Duration) error {
	l, err := netlinksafe.LinkByName(ifName)
	if err != nil {
		return fmt.Errorf("failed to lookup %q: %w", ifName, err)
	}
	if l.Attrs().OperState != netlink.OperUp {
		return nil
	}
	return fmt.Errorf("link %s still has tentative addresses after %d seconds", ifName, timeout/time.Second)
}
