package netdev

import (
	"errors"
	"net"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
)

// onVeth runs a test in a namespace of its own, with one end of a veth pair.
func onVeth(t *testing.T, test func(*Device) error) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	space, err := ns.TempNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer space.Close()
	err = space.Do(func(ns.NetNS) error {
		v := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "v0"}, PeerName: "v1"}
		if err := netlink.LinkAdd(v); err != nil {
			return err
		}
		d, err := Open("v0")
		if err != nil {
			return err
		}
		defer d.Close()
		return test(d)
	})
	if err != nil {
		t.Error(err)
	}
}

// What is set is read, also through rtnetlink.
func TestAttributes(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 5}
	onVeth(t, func(d *Device) error {
		err := errors.Join(d.SetMTU(1400), d.SetTxQueueLen(0), d.SetHardwareAddr(mac), d.SetFlag(unix.IFF_PROMISC, true), d.SetFlag(unix.IFF_ALLMULTI, true))
		if err != nil {
			return err
		}
		mtu, err1 := d.MTU()
		queue, err2 := d.TxQueueLen()
		have, err3 := d.HardwareAddr()
		flags, err4 := d.Flags()
		index, err5 := d.Index()
		l, err6 := netlink.LinkByName(d.Name())
		if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
			return err
		}
		attrs := l.Attrs()
		if mtu != 1400 || attrs.MTU != mtu {
			t.Errorf("MTU is %d, through rtnetlink %d", mtu, attrs.MTU)
		}
		if queue != 0 || attrs.TxQLen != queue {
			t.Errorf("transmit queue length is %d, through rtnetlink %d", queue, attrs.TxQLen)
		}
		if have.String() != mac.String() || attrs.HardwareAddr.String() != mac.String() {
			t.Errorf("MAC address is %v, through rtnetlink %v", have, attrs.HardwareAddr)
		}
		const set = unix.IFF_PROMISC | unix.IFF_ALLMULTI
		if flags&set != set || attrs.RawFlags&set != set || flags&unix.IFF_UP != 0 {
			t.Errorf("flags are %#x, through rtnetlink %#x", flags, attrs.RawFlags)
		}
		if index != attrs.Index {
			t.Errorf("index is %d, through rtnetlink %d", index, attrs.Index)
		}
		if err := d.SetFlag(unix.IFF_PROMISC, false); err != nil {
			return err
		}
		if flags, err := d.Flags(); err != nil || flags&set != unix.IFF_ALLMULTI {
			t.Errorf("flags are %#x: %v", flags, err)
		}
		return nil
	})
}

// Somebody who listens to all packets does not set the flag.
func TestListener(t *testing.T) {
	onVeth(t, func(d *Device) error {
		index, err := d.Index()
		if err != nil {
			return err
		}
		socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		err = unix.SetsockoptPacketMreq(socket, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{Ifindex: int32(index), Type: unix.PACKET_MR_PROMISC})
		if err != nil {
			return err
		}
		if flags, err := d.Flags(); err != nil || flags&unix.IFF_PROMISC != 0 {
			t.Errorf("flags are %#x: %v", flags, err)
		}
		return nil
	})
}

// An interface without IPv4, as that needs an MTU of 68 (RFC 791), is one as well.
func TestWithoutIPv4(t *testing.T) {
	onVeth(t, func(*Device) error {
		for range 2 {
			lo, err := Open("lo")
			if err != nil {
				return err
			}
			defer lo.Close()
			if err := lo.SetMTU(67); err != nil {
				return err
			}
		}
		if _, err := os.Stat("/proc/sys/net/ipv4/conf/lo"); err == nil {
			t.Error("lo has IPv4 still")
		}
		return nil
	})
}

func TestErrors(t *testing.T) {
	onVeth(t, func(d *Device) error {
		for _, name := range []string{"missing", "a-name-that-is-too-long", "v", "face"} {
			if _, err := Open(name); !errors.Is(err, unix.ENODEV) {
				t.Errorf("open %q: %v", name, err)
			}
		}
		if err := d.SetHardwareAddr(make(net.HardwareAddr, 8)); !errors.Is(err, unix.EINVAL) {
			t.Errorf("a long address: %v", err)
		}
		if err := d.SetMTU(-1); !errors.Is(err, unix.EINVAL) {
			t.Errorf("an MTU below 0: %v", err)
		}
		l, err := netlink.LinkByName(d.Name())
		if err != nil {
			return err
		}
		if err := netlink.LinkDel(l); err != nil {
			return err
		}
		_, err1 := d.Index()
		_, err2 := d.Features()
		for i, err := range []error{err1, err2, d.SetMTU(1500), d.SetFlag(unix.IFF_UP, true)} {
			if !errors.Is(err, unix.ENODEV) {
				t.Errorf("call %d of a device that is gone: %v", i, err)
			}
		}
		return nil
	})
}

func TestParseMAC(t *testing.T) {
	if mac, err := ParseMAC(""); mac != nil || err != nil {
		t.Errorf("no address: %v, %v", mac, err)
	}
	if mac, err := ParseMAC("02-00-00-00-00-0A"); err != nil || mac.String() != "02:00:00:00:00:0a" {
		t.Errorf("an address: %v, %v", mac, err)
	}
	if _, err := ParseMAC("zz"); err == nil || err.Error() != "invalid args zz for MAC addr: address zz: invalid MAC address" {
		t.Errorf("no proper address: %v", err)
	}
}

func TestNameOf(t *testing.T) {
	onVeth(t, func(d *Device) error {
		index, err := d.Index()
		if err != nil {
			return err
		}
		if name, err := NameOf(index); name != "v0" || err != nil {
			t.Errorf("name %q, %v", name, err)
		}
		if name, err := NameOf(index + 1000); !errors.Is(err, unix.ENODEV) {
			t.Errorf("of an index that is free: %q, %v", name, err)
		}
		return nil
	})
}
