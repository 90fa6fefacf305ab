//go:build linux

package ip

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/netlinksafe"
)

// ErrLinkNotFound is what DelLinkByName and DelLinkByNameAddr return, unwrapped,
// for a link that does not exist.
var ErrLinkNotFound = errors.New("link not found")

// RenameLink gives the link called curName the name newName. Before Linux 6.2
// the link must be down.
func RenameLink(curName, newName string) error {
	l, err := netlinksafe.LinkByName(curName)
	if err != nil {
		return fmt.Errorf("failed to lookup %q: %w", curName, err)
	}
	if err := netlink.LinkSetName(l, newName); err != nil {
		return fmt.Errorf("rename %q to %q: %w", curName, newName, err)
	}
	return nil
}

// DelLinkByName deletes the link called ifName.
func DelLinkByName(ifName string) error {
	l, err := lookUp(ifName)
	if err != nil {
		return err
	}
	return del(l)
}

// DelLinkByNameAddr deletes the link called ifName and returns the global
// unicast addresses it had.
func DelLinkByNameAddr(ifName string) ([]*net.IPNet, error) {
	l, err := lookUp(ifName)
	if err != nil {
		return nil, err
	}
	addrs, err := netlinksafe.AddrList(l, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("failed to get IP addresses for %q: %w", ifName, err)
	}
	if err := del(l); err != nil {
		return nil, err
	}
	var global []*net.IPNet
	for _, addr := range addrs {
		if addr.IP.IsGlobalUnicast() {
			global = append(global, addr.IPNet)
		}
	}
	return global, nil
}

func lookUp(name string) (netlink.Link, error) {
	l, err := netlinksafe.LinkByName(name)
	if link.IsNotFound(err) {
		return nil, ErrLinkNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("failed to lookup %q: %w", name, err)
	}
	return l, nil
}

func del(l netlink.Link) error {
	err := netlink.LinkDel(l)
	if link.IsNotFound(err) { // somebody else was faster
		return ErrLinkNotFound
	}
	if err != nil {
		return fmt.Errorf("failed to delete %q: %w", l.Attrs().Name, err)
	}
	return nil
}
