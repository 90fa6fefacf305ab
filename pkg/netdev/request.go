package netdev

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// request is struct ifreq of linux/if.h, with its union as bytes.
type request struct {
	name  [unix.IFNAMSIZ]byte
	union [24]byte
}

func (d *Device) request() *request {
	r := new(request)
	copy(r.name[:], d.name)
	return r
}

// word is ifr_ifindex, ifr_mtu or ifr_qlen.
func (r *request) word() uint32        { return binary.NativeEndian.Uint32(r.union[:]) }
func (r *request) setWord(word uint32) { binary.NativeEndian.PutUint32(r.union[:], word) }

func (r *request) flags() uint16         { return binary.NativeEndian.Uint16(r.union[:]) }
func (r *request) setFlags(flags uint16) { binary.NativeEndian.PutUint16(r.union[:], flags) }

// address is ifr_hwaddr, a struct sockaddr whose family is the kind of interface
// (linux/if_arp.h).
func (r *request) address() (kind uint16, address []byte) {
	return binary.NativeEndian.Uint16(r.union[:]), r.union[2:16]
}

func (r *request) setAddress(kind uint16, address []byte) {
	binary.NativeEndian.PutUint16(r.union[:], kind)
	copy(r.union[2:16], address)
}

// do makes an ioctl, whose answer is in the request then.
func (d *Device) do(command uintptr, r *request) error {
	return d.ioctl(command, unsafe.Pointer(r))
}

// dataRequest is struct ifreq with its member ifr_data.
type dataRequest struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// doEthtool runs a command of linux/ethtool.h, which has its answer then.
func (d *Device) doEthtool(c command) error {
	r := &dataRequest{data: unsafe.Pointer(&c[0])}
	copy(r.name[:], d.name)
	return d.ioctl(unix.SIOCETHTOOL, unsafe.Pointer(r))
}

func (d *Device) ioctl(command uintptr, r unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(d.socket), command, uintptr(r))
	if errno != 0 {
		return errno
	}
	return nil
}
