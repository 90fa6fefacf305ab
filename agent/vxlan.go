package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/netlinksafe"
)

// vxlanName is what the agent's device is called, and how it is found again.
const vxlanName = "cni-vxlan"

// The room that a packet of the overlay needs in one of the network below, in bytes:
// the inner Ethernet header, VXLAN's, UDP's and that of the outer IPv4 or IPv6 (RFC 7348).
const (
	vxlanOverhead4 = 14 + 8 + 8 + 20
	vxlanOverhead6 = 14 + 8 + 8 + 40
)

// vxlan is the overlay: a device that reaches nodes which are not on the link.
type vxlan struct {
	id, port int
	// local is the node's address that the others send to. Its family is that of the
	// whole overlay.
	local netip.Addr
	mac   net.HardwareAddr
	mtu   int
}

func overhead(local netip.Addr) int {
	if local.Is6() {
		return vxlanOverhead6
	}
	return vxlanOverhead4
}

// vxlanMAC returns the hardware address of a node's device. Since it follows from the
// name, nobody has to tell the others.
func vxlanMAC(node string) net.HardwareAddr {
	sum := sha256.Sum256([]byte(node))
	sum[0] = sum[0]&^1 | 2 // unicast, locally administered
	return net.HardwareAddr(sum[:6])
}

// endpoint is a node behind the overlay.
type endpoint struct {
	mac net.HardwareAddr
	// outer is the node's address in the network below.
	outer netip.Addr
	// inner are addresses of its device, one for each podCIDR.
	inner []netip.Addr
}

// ensure returns the device, which is made, or made anew if it differs in what cannot be
// changed.
func (v vxlan) ensure(h netlinksafe.Handle) (netlink.Link, error) {
	there, err := findVXLAN(h)
	if err != nil {
		return nil, err
	}
	if there != nil && !v.same(there) {
		if err := h.LinkDel(there); err != nil {
			return nil, fmt.Errorf("delete %s, which has other settings: %w", vxlanName, err)
		}
		there = nil
	}
	if there == nil {
		if err := v.make(h); err != nil {
			return nil, err
		}
	}
	l, err := h.LinkByName(vxlanName)
	if err != nil {
		return nil, err
	}
	if l.Attrs().MTU != v.mtu {
		if err := h.LinkSetMTU(l, v.mtu); err != nil {
			return nil, fmt.Errorf("set the MTU of %s to %d: %w", vxlanName, v.mtu, err)
		}
	}
	if l.Attrs().Flags&net.FlagUp == 0 {
		if err := h.LinkSetUp(l); err != nil {
			return nil, fmt.Errorf("set %s up: %w", vxlanName, err)
		}
	}
	return l, nil
}

// findVXLAN returns the agent's device, or nil.
func findVXLAN(h netlinksafe.Handle) (*netlink.Vxlan, error) {
	l, err := h.LinkByName(vxlanName)
	if link.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look %s up: %w", vxlanName, err)
	}
	device, ok := l.(*netlink.Vxlan)
	if !ok {
		return nil, fmt.Errorf("interface %s is somebody else's: it is of the kind %s", vxlanName, l.Type())
	}
	return device, nil
}

func (v vxlan) same(there *netlink.Vxlan) bool {
	return there.VxlanId == v.id && there.Port == v.port && !there.Learning &&
		there.SrcAddr.Equal(v.local.AsSlice()) && bytes.Equal(there.HardwareAddr, v.mac)
}

func (v vxlan) make(h netlinksafe.Handle) error {
	device := &netlink.Vxlan{
		LinkAttrs: netlink.LinkAttrs{Name: vxlanName, MTU: v.mtu, HardwareAddr: v.mac},
		VxlanId:   v.id,
		SrcAddr:   v.local.AsSlice(),
		Port:      v.port,
		// The entries come from the watch alone.
		Learning: false,
	}
	if err := h.LinkAdd(device); err != nil {
		return fmt.Errorf("make %s: %w", vxlanName, err)
	}
	return nil
}

// removeVXLAN removes the device, and with it its routes, addresses and neighbours.
func removeVXLAN(h netlinksafe.Handle) error {
	there, err := findVXLAN(h)
	if err != nil || there == nil {
		return err
	}
	return h.LinkDel(there)
}

// settleVXLAN makes the device's addresses, neighbours and forwarding database what is
// wanted. All that is on the device is the agent's.
func settleVXLAN(h netlinksafe.Handle, device netlink.Link, own []netip.Addr, peers []endpoint) error {
	return errors.Join(settleAddresses(h, device, own), settleNeighbours(h, device, neighbours(device, peers)))
}

// settleAddresses gives the device the addresses that the node's own packets through the
// overlay have, so that answers come back through it.
func settleAddresses(h netlinksafe.Handle, device netlink.Link, own []netip.Addr) error {
	there, err := h.AddrList(device, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list addresses of %s: %w", vxlanName, err)
	}
	wanted := map[netip.Addr]bool{}
	for _, a := range own {
		wanted[a] = true
	}
	var errs []error
	for _, a := range there {
		addr, _ := netip.AddrFromSlice(a.IP)
		addr = addr.Unmap()
		if !wanted[addr] && !addr.IsLinkLocalUnicast() {
			errs = append(errs, h.AddrDel(device, &a))
		}
		delete(wanted, addr)
	}
	for addr := range wanted {
		address := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(addr, addr.BitLen())), Flags: unix.IFA_F_NODAD}
		if err := h.AddrAdd(device, address); err != nil {
			errs = append(errs, fmt.Errorf("give %s the address %s: %w", vxlanName, addr, err))
		}
	}
	return errors.Join(errs...)
}

// entry is what identifies a neighbour, or an entry of the forwarding database.
type entry struct {
	family int
	mac    string
	ip     netip.Addr
}

func neighbours(device netlink.Link, peers []endpoint) map[entry]*netlink.Neigh {
	wanted := map[entry]*netlink.Neigh{}
	add := func(family, flags int, mac net.HardwareAddr, ip netip.Addr) {
		wanted[entry{family, mac.String(), ip}] = &netlink.Neigh{
			LinkIndex: device.Attrs().Index, Family: family, Flags: flags, State: netlink.NUD_PERMANENT,
			HardwareAddr: mac, IP: ip.AsSlice(),
		}
	}
	for _, p := range peers {
		add(unix.AF_BRIDGE, netlink.NTF_SELF, p.mac, p.outer)
		for _, ip := range p.inner {
			add(nl.GetIPFamily(ip.AsSlice()), 0, p.mac, ip)
		}
	}
	return wanted
}

func settleNeighbours(h netlinksafe.Handle, device netlink.Link, wanted map[entry]*netlink.Neigh) error {
	var errs []error
	for _, family := range []int{unix.AF_BRIDGE, netlink.FAMILY_V4, netlink.FAMILY_V6} {
		there, err := h.NeighList(device.Attrs().Index, family)
		if err != nil {
			return fmt.Errorf("list neighbours of %s: %w", vxlanName, err)
		}
		for _, n := range there {
			ip, _ := netip.AddrFromSlice(n.IP)
			e := entry{family, n.HardwareAddr.String(), ip.Unmap()}
			if wanted[e] != nil && n.State&netlink.NUD_PERMANENT != 0 {
				delete(wanted, e)
			} else if n.State&netlink.NUD_PERMANENT != 0 {
				n.Family = family
				if err := h.NeighDel(&n); !errors.Is(err, unix.ENOENT) {
					errs = append(errs, err)
				}
			}
		}
	}
	for e, n := range wanted {
		if err := h.NeighSet(n); err != nil {
			errs = append(errs, fmt.Errorf("add neighbour %s of %s: %w", e.ip, vxlanName, err))
		}
	}
	return errors.Join(errs...)
}
