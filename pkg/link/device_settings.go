package link

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// settableFlags are the flags of a device that an administrator sets, but for IFF_UP.
const settableFlags = unix.IFF_NOARP | unix.IFF_MULTICAST | unix.IFF_ALLMULTI | unix.IFF_PROMISC

// DeviceSettings are what somebody who has a device may change on it, apart from what
// its Origin has itself.
type DeviceSettings struct {
	// Flags are settableFlags.
	Flags uint32 `json:"flags"`
	// Group is the link group, and TxQueueLen the length of the transmit queue in
	// packets.
	Group      uint32 `json:"group"`
	TxQueueLen int    `json:"txQueueLen"`
	// Qdisc is the kind of the root qdisc, "" for the kernel's choice, and QdiscHandle its
	// number. The kernel deletes it when the device moves. One that needs options does
	// not come back.
	Qdisc       string `json:"qdisc,omitempty"`
	QdiscHandle uint32 `json:"qdiscHandle,omitempty"`
}

// deviceSettings returns those of a device.
func (n *Namespace) deviceSettings(l netlink.Link) (*DeviceSettings, error) {
	attrs := l.Attrs()
	s := &DeviceSettings{Flags: attrs.RawFlags & settableFlags, Group: attrs.Group, TxQueueLen: attrs.TxQLen}
	root, err := n.Qdisc(l, netlink.HANDLE_ROOT)
	if root != nil && root.Handle != 0 {
		s.Qdisc, s.QdiscHandle = root.Kind, root.Handle
	}
	return s, err
}

// restore gives a device of n those settings back that differ, as far as the kernel
// takes them.
func (s *DeviceSettings) restore(n *Namespace, l netlink.Link) error {
	have, err := n.deviceSettings(l)
	if err != nil {
		return err
	}
	if have.Flags != s.Flags || have.Group != s.Group || have.TxQueueLen != s.TxQueueLen {
		if err := s.send(n, l); err != nil && !isRefusal(err) {
			return fmt.Errorf("restore flags, group and transmit queue length of %q: %w", l.Attrs().Name, err)
		}
	}
	if s.Qdisc == "" || have.Qdisc == s.Qdisc {
		return nil
	}
	qdisc := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Parent: netlink.HANDLE_ROOT, Handle: s.QdiscHandle},
		QdiscType:  s.Qdisc,
	}
	if err := n.QdiscReplace(qdisc); err != nil && !isRefusal(err) {
		return fmt.Errorf("restore qdisc %s of %q: %w", s.Qdisc, l.Attrs().Name, err)
	}
	return nil
}

// send sets all but the qdisc.
func (s *DeviceSettings) send(n *Namespace, l netlink.Link) error {
	return n.setFlags(l, s.Flags, settableFlags,
		nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(s.Group)),
		nl.NewRtAttr(unix.IFLA_TXQLEN, nl.Uint32Attr(uint32(s.TxQueueLen))))
}
