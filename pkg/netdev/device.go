// Package netdev reads and changes one network interface through ioctls. They do
// less than rtnetlink, but without its buffers, which cost a process that changes
// a few attributes more than the kernel's work.
package netdev

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/containernetworking/plugins/pkg/unpolled"
	"golang.org/x/sys/unix"
)

// Device is an interface, by its name, in the namespace of the thread that opened
// it.
type Device struct {
	name   string
	socket int
}

// Open opens an interface, which Close closes. The error of one that is missing is
// unix.ENODEV. It is looked for first, as the kernel would run modprobe(8) for an
// ioctl.
func Open(name string) (*Device, error) {
	exists, err := Exists(name)
	if err == nil && !exists {
		err = unix.ENODEV
	}
	if err != nil {
		return nil, fmt.Errorf("look %q up: %w", name, err)
	}
	return connect(name)
}

// IndexOf returns the index of the interface with a name in the thread's namespace.
func IndexOf(name string) (int, error) {
	d, err := Open(name)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	return d.Index()
}

// NameOf returns the name of the interface with an index in the thread's namespace. Unlike
// the answer of rtnetlink, it takes no lock of the kernel that others wait for.
func NameOf(index int) (string, error) {
	d, err := connect("")
	if err != nil {
		return "", err
	}
	defer d.Close()
	r := d.request()
	r.setWord(uint32(index))
	if err := d.do(unix.SIOCGIFNAME, r); err != nil {
		return "", fmt.Errorf("look interface %d up: %w", index, err)
	}
	return unix.ByteSliceToString(r.name[:]), nil
}

func connect(name string) (*Device, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) { // of a kernel without IPv4
		socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	}
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	return &Device{name, socket}, nil
}

// Exists looks, without a question to the kernel that takes a lock, whether the thread's namespace has an interface of the name. One
// with IPv4 has parameters, which are found faster than a line in the list, whose
// lines begin with names after two of headings.
func Exists(name string) (bool, error) {
	if _, err := os.Lstat("/proc/sys/net/ipv4/conf/" + name); err == nil {
		return true, nil
	}
	list, err := unpolled.ReadFile("/proc/thread-self/net/dev")
	for line := range strings.Lines(string(list)) {
		if listed, _, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(listed) == name {
			return true, nil
		}
	}
	return false, err
}

// Close ends the connection.
func (d *Device) Close() { unix.Close(d.socket) }

// Name returns the name of the interface.
func (d *Device) Name() string { return d.name }

// Index returns the interface's index.
func (d *Device) Index() (int, error) {
	r, err := d.get("index", unix.SIOCGIFINDEX)
	return int(r.word()), err
}

// MTU returns the maximum transmission unit in bytes.
func (d *Device) MTU() (int, error) {
	r, err := d.get("MTU", unix.SIOCGIFMTU)
	return int(r.word()), err
}

// SetMTU sets the maximum transmission unit in bytes.
func (d *Device) SetMTU(mtu int) error {
	r := d.request()
	r.setWord(uint32(mtu))
	return d.set("MTU", mtu, unix.SIOCSIFMTU, r)
}

// TxQueueLen returns how many packets the transmit queue takes.
func (d *Device) TxQueueLen() (int, error) {
	r, err := d.get("transmit queue length", unix.SIOCGIFTXQLEN)
	return int(r.word()), err
}

// SetTxQueueLen sets how many packets the transmit queue takes.
func (d *Device) SetTxQueueLen(packets int) error {
	r := d.request()
	r.setWord(uint32(packets))
	return d.set("transmit queue length", packets, unix.SIOCSIFTXQLEN, r)
}

// HardwareAddr returns the hardware address. Of one that is longer than 14 bytes,
// as InfiniBand has them, the kernel gives only so many.
func (d *Device) HardwareAddr() (net.HardwareAddr, error) {
	r, err := d.get("MAC address", unix.SIOCGIFHWADDR)
	_, address := r.address()
	return net.HardwareAddr(address[:etherAddrLen]), err
}

// etherAddrLen is the length in bytes of the addresses of Ethernet and of all
// that looks like it.
const etherAddrLen = 6

// SetHardwareAddr sets the hardware address, which has 6 bytes.
func (d *Device) SetHardwareAddr(mac net.HardwareAddr) error {
	r, err := d.get("MAC address", unix.SIOCGIFHWADDR)
	if err != nil {
		return err
	}
	if len(mac) != etherAddrLen {
		return fmt.Errorf("set MAC address of %q to %v: %w", d.name, mac, unix.EINVAL)
	}
	kind, _ := r.address()
	r = d.request()
	r.setAddress(kind, mac)
	return d.set("MAC address", mac, unix.SIOCSIFHWADDR, r)
}

// Flags returns the flags, unix.IFF_UP and so on. IFF_PROMISC and IFF_ALLMULTI
// say that somebody has set them, not that somebody listens.
func (d *Device) Flags() (uint16, error) {
	r, err := d.get("flags", unix.SIOCGIFFLAGS)
	return r.flags(), err
}

// SetFlag turns one flag on or off.
func (d *Device) SetFlag(flag uint16, on bool) error {
	r, err := d.get("flags", unix.SIOCGIFFLAGS)
	if err != nil {
		return err
	}
	flags := r.flags() &^ flag
	if on {
		flags |= flag
	}
	r.setFlags(flags)
	return d.set("flags", fmt.Sprintf("%#x", flags), unix.SIOCSIFFLAGS, r)
}

func (d *Device) get(what string, command uintptr) (*request, error) {
	r := d.request()
	if err := d.do(command, r); err != nil {
		return r, fmt.Errorf("read %s of %q: %w", what, d.name, err)
	}
	return r, nil
}

func (d *Device) set(what string, value any, command uintptr, r *request) error {
	if err := d.do(command, r); err != nil {
		return fmt.Errorf("set %s of %q to %v: %w", what, d.name, value, err)
	}
	return nil
}
