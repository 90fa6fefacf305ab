package link

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/owner"
)

// tunDevice is the file by which taps are made and used.
const tunDevice = "/dev/net/tun"

// Tap describes a tap: an interface whose other end is a process, as that of a
// virtual machine.
type Tap struct {
	// Name of the interface.
	Name string
	// MultiQueue lets processes open several queues of it.
	MultiQueue bool
	// Owner and Group are the ids of the user and the group that may use it.
	// Default: only who has CAP_NET_ADMIN.
	Owner, Group *uint32
	// MTU in bytes. Default: the kernel's, 1500.
	MTU int
	// MAC of the interface. Default: a random one.
	MAC net.HardwareAddr
}

// AddTap makes a tap, down and with its owner's tag, that stays when no process
// uses it. Until it is complete, it vanishes with the process that makes it. A
// name that is taken, also by another tap, is unix.EEXIST.
func (n *Namespace) AddTap(t Tap, a owner.Attachment) error {
	var file *os.File
	// A tap comes into being in the namespace in which the file was opened.
	err := n.inside(func() (err error) {
		file, err = os.OpenFile(tunDevice, os.O_RDWR, 0)
		return err
	})
	if err == nil {
		defer file.Close()
		err = n.complete(t, int(file.Fd()), a)
	}
	if err != nil {
		return fmt.Errorf("failed to create tap %q: %w", t.Name, err)
	}
	return nil
}

// complete makes the tap that the open file stands for. What packets look like is
// up to each process that opens it.
func (n *Namespace) complete(t Tap, fd int, a owner.Attachment) error {
	request, err := unix.NewIfreq(t.Name)
	if err != nil {
		return err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
	if t.MultiQueue {
		flags |= unix.IFF_MULTI_QUEUE
	}
	request.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		if _, missing := n.LinkByName(t.Name); missing == nil {
			return unix.EEXIST
		}
		return err
	}
	if err := n.adjust(t, a); err != nil {
		return err
	}
	for _, who := range []struct {
		id      *uint32
		request uint
	}{{t.Owner, unix.TUNSETOWNER}, {t.Group, unix.TUNSETGROUP}} {
		if who.id == nil {
			continue
		}
		if err := unix.IoctlSetInt(fd, who.request, int(*who.id)); err != nil {
			return fmt.Errorf("give it to %d: %w", *who.id, err)
		}
	}
	return unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1)
}

// adjust sets what rtnetlink can.
func (n *Namespace) adjust(t Tap, a owner.Attachment) error {
	l, err := n.LinkByName(t.Name)
	if err != nil {
		return err
	}
	if t.MTU != 0 {
		if err := n.LinkSetMTU(l, t.MTU); err != nil {
			return fmt.Errorf("set MTU: %w", err)
		}
	}
	mac, err := ChooseMAC(t.MAC)
	if err != nil {
		return err
	}
	if err := n.LinkSetHardwareAddr(l, mac); err != nil {
		return fmt.Errorf("set MAC address: %w", err)
	}
	return n.Own(l, a)
}

// TapKind is the name that the netlink package has for the kernel's driver tun.
const TapKind = "tuntap"

// SupportsTap returns an error unless taps can be made.
func SupportsTap() error {
	file, err := os.OpenFile(tunDevice, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return file.Close()
}
