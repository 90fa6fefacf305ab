package link

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// IFB describes an intermediate functional block: a device that gives packets
// which are redirected to it a queue of their own, and then sends them on the way
// that they were on.
type IFB struct {
	// Name of the device, and Spare, which it gets if that one is taken.
	Name, Spare string
	// MAC of the device. It is there from the first moment, and so may tell whose
	// the device is as long as it has no alias and is down. Default: a random one.
	MAC net.HardwareAddr
	// Alias says whose device it is.
	Alias string
	// MTU in bytes. Default: the kernel's, 1500.
	MTU int
}

// AddIFB makes the device, without a queue of its own, and up. A name that is
// taken is unix.EEXIST. (A device with another name, to be renamed together with
// its alias, would wait for an RCU grace period.)
func (n *Namespace) AddIFB(i IFB) (netlink.Link, error) {
	mac, err := ChooseMAC(i.MAC)
	if err != nil {
		return nil, err
	}
	l := &netlink.Ifb{LinkAttrs: netlink.LinkAttrs{MTU: i.MTU, TxQLen: 0, HardwareAddr: mac}}
	for _, l.Name = range []string{i.Name, i.Spare} {
		if err = n.Make(l); !errors.Is(err, unix.EEXIST) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("make interface %q: %w", l.Name, err)
	}
	if err = n.SkipLinkLocal(l); err == nil {
		err = n.publish(l, i.Alias)
	}
	if err != nil {
		return nil, errors.Join(err, n.delete(l))
	}
	return l, nil
}

// publish gives a link its alias and sets it up, in one message: nobody sees it up
// without the alias.
func (n *Namespace) publish(l netlink.Link, alias string) error {
	if err := n.setFlags(l, unix.IFF_UP, unix.IFF_UP, nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(alias))); err != nil {
		return fmt.Errorf("set alias of %q: %w", l.Attrs().Name, err)
	}
	return nil
}
