package tuning

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netdev"
)

// attributes are those of an interface. In JSON they are a backup in upstream's
// form, which has what is being changed.
type attributes struct {
	MAC      string `json:"mac,omitempty"`
	Promisc  *bool  `json:"promisc,omitempty"`
	MTU      int    `json:"mtu,omitempty"`
	AllMulti *bool  `json:"allmulti,omitempty"`
	TxQLen   *int   `json:"txQLen,omitempty"`
}

// readAttributes returns the present values of what want has. An address of
// zeros, which cannot be set, counts as none.
func (d *device) readAttributes(want attributes) (attributes, error) {
	var have attributes
	if want == have {
		return have, nil
	}
	if err := d.exists(); err != nil {
		return have, err
	}
	flags, err := d.Flags()
	if err != nil {
		return have, err
	}
	flag := func(flag uint16) *bool { set := flags&flag != 0; return &set }
	var errs [3]error
	if want.MAC != "" {
		var mac []byte
		if mac, errs[0] = d.HardwareAddr(); !bytes.Equal(mac, make([]byte, len(mac))) {
			have.MAC = net.HardwareAddr(mac).String()
		}
	}
	if want.Promisc != nil {
		have.Promisc = flag(unix.IFF_PROMISC)
	}
	if want.MTU != 0 {
		have.MTU, errs[1] = d.MTU()
	}
	if want.AllMulti != nil {
		have.AllMulti = flag(unix.IFF_ALLMULTI)
	}
	if want.TxQLen != nil {
		have.TxQLen = new(int)
		*have.TxQLen, errs[2] = d.TxQueueLen()
	}
	return have, errors.Join(errs[:]...)
}

// setters returns what sets each attribute that a has, in upstream's order.
func (d *device) setters(a attributes) []func() error {
	var setters []func() error
	add := func(set func() error) {
		setters = append(setters, func() error {
			if err := d.exists(); err != nil {
				return err
			}
			return set()
		})
	}
	if a.MAC != "" {
		add(func() error { return d.setMAC(a.MAC) })
	}
	if a.Promisc != nil {
		add(func() error { return d.SetFlag(unix.IFF_PROMISC, *a.Promisc) })
	}
	if a.MTU != 0 {
		add(func() error { return d.SetMTU(a.MTU) })
	}
	if a.AllMulti != nil {
		add(func() error { return d.SetFlag(unix.IFF_ALLMULTI, *a.AllMulti) })
	}
	if a.TxQLen != nil {
		add(func() error { return d.SetTxQueueLen(*a.TxQLen) })
	}
	return setters
}

func (d *device) setMAC(text string) error {
	mac, err := net.ParseMAC(text)
	if err != nil {
		return err
	}
	return d.SetHardwareAddr(mac)
}

// compareAttributes returns an error for each attribute that differs from want.
func (d *device) compareAttributes(want attributes) []error {
	have, err := d.readAttributes(want)
	if err != nil {
		return []error{err}
	}
	var errs []error
	differs := func(what string, have, want any) {
		errs = append(errs, fmt.Errorf("interface %s has %s %v, expected %v", d.name, what, have, want))
	}
	if !sameMAC(have.MAC, want.MAC) {
		differs("MAC address", have.MAC, want.MAC)
	}
	if want.Promisc != nil && *have.Promisc != *want.Promisc {
		differs("promiscuous mode", *have.Promisc, *want.Promisc)
	}
	if have.MTU != want.MTU {
		differs("MTU", have.MTU, want.MTU)
	}
	if want.AllMulti != nil && *have.AllMulti != *want.AllMulti {
		differs("all-multicast mode", *have.AllMulti, *want.AllMulti)
	}
	if want.TxQLen != nil && *have.TxQLen != *want.TxQLen {
		differs("transmit queue length", *have.TxQLen, *want.TxQLen)
	}
	return errs
}

// sameMAC compares bytes, as there are several notations.
func sameMAC(a, b string) bool {
	x, errX := netdev.ParseMAC(a)
	y, errY := netdev.ParseMAC(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// orElse returns a, completed by what other has besides.
func (a attributes) orElse(other attributes) attributes {
	if a.MAC == "" {
		a.MAC = other.MAC
	}
	if a.Promisc == nil {
		a.Promisc = other.Promisc
	}
	if a.MTU == 0 {
		a.MTU = other.MTU
	}
	if a.AllMulti == nil {
		a.AllMulti = other.AllMulti
	}
	if a.TxQLen == nil {
		a.TxQLen = other.TxQLen
	}
	return a
}

// equal compares values, not pointers to them.
func (a attributes) equal(other attributes) bool {
	return a.MAC == other.MAC && a.MTU == other.MTU && same(a.Promisc, other.Promisc) &&
		same(a.AllMulti, other.AllMulti) && same(a.TxQLen, other.TxQLen)
}

func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}
