package iface

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// explain says what it is about the master that made the kernel refuse an interface on
// it, of which the errno tells little.
func (c *Child) explain(at *link.Namespace, master, l netlink.Link, err error) error {
	reason := ""
	switch {
	case master.Attrs().EncapType != "ether" && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)):
		reason = "is no Ethernet interface"
	case errors.Is(err, unix.EBUSY):
		reason = c.whyBusy(at, master)
	case errors.Is(err, unix.EINVAL):
		reason = whyInvalid(l)
	}
	if reason == "" {
		return err
	}
	return fmt.Errorf("%w: master %q %s", err, master.Attrs().Name, reason)
}

// whyBusy says who gets the frames that arrive at the master: one alone can
// (netdev_rx_handler_register). Those in other namespaces cannot be seen from here.
func (c *Child) whyBusy(at *link.Namespace, master netlink.Link) string {
	if index := master.Attrs().MasterIndex; index != 0 {
		if upper, err := at.LinkByIndex(index); err == nil {
			return fmt.Sprintf("is a port of %s %q, which gets its frames: put the interface on that", upper.Type(), upper.Attrs().Name)
		}
	}
	other := map[string]string{"macvlan": "ipvlan", "ipvlan": "macvlan"}[c.Kind]
	if other == "" {
		return ""
	}
	return fmt.Sprintf("has %s interfaces, maybe in containers, or MACsec, and cannot have %s ones beside", other, c.Kind)
}

// whyInvalid knows that a macvlan in mode passthru suffers no other one.
func whyInvalid(l netlink.Link) string {
	m, ok := l.(*link.Macvlan)
	switch {
	case !ok:
		return ""
	case m.Mode == netlink.MACVLAN_MODE_PASSTHRU:
		return "has a macvlan, maybe in a container, and mode passthru needs a master for itself"
	}
	return "has a macvlan in mode passthru, maybe in a container, which needs it for itself"
}
