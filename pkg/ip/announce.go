//go:build linux

package ip

import (
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// EnableAnnouncements makes the kernel tell the neighbours of an interface of
// the current namespace whose its addresses are, whenever the interface comes up
// or its hardware address changes: by gratuitous ARP (RFC 5227, section 3) and
// unsolicited neighbour advertisements (RFC 4861, section 7.2.6). Kernels
// without a family have no such switch.
func EnableAnnouncements(name string) {
	sysctl.Sysctl("net/ipv4/conf/"+name+"/arp_notify", "1")
	sysctl.Sysctl("net/ipv6/conf/"+name+"/ndisc_notify", "1")
}

// Announce makes the kernel do so now: what it told when the interface came up,
// a bridge did not forward if its port was not up by then. It takes the setting
// of a hardware address for a change even if it is the same.
func Announce(n *link.Namespace, l netlink.Link) error {
	if err := n.LinkSetHardwareAddr(l, l.Attrs().HardwareAddr); err != nil {
		return fmt.Errorf("announce addresses of %q: %w", l.Attrs().Name, err)
	}
	return nil
}

// AnnounceIPv6 tells the neighbours of an interface that is up the hardware
// address of its IPv6 addresses, in an unsolicited neighbour advertisement for
// each (RFC 4861, section 7.2.6). The kernel does so (ndisc_notify) only for
// addresses that have been through duplicate address detection.
func (c Config) AnnounceIPv6(n *link.Namespace, l netlink.Link) error {
	attrs := l.Attrs()
	if !c.HasIPv6() || attrs.RawFlags&unix.IFF_NOARP != 0 || len(attrs.HardwareAddr) != 6 {
		return nil
	}
	err := n.Do(func() error {
		socket, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		// Receivers drop what a router may have forwarded.
		if err := unix.SetsockoptInt(socket, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255); err != nil {
			return err
		}
		for _, addr := range c.Addrs {
			if addr.IP.To4() != nil {
				continue
			}
			if err := advertise(socket, attrs, addr.IP); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("announce IPv6 addresses of %q: %w", attrs.Name, err)
	}
	return nil
}

// advertise sends an advertisement to all nodes (ff02::1) on the link. The kernel
// fills the checksum in.
func advertise(socket int, attrs *netlink.LinkAttrs, address net.IP) error {
	const (
		neighbourAdvertisement = 136
		override               = 0x20
		targetLinkLayerAddress = 2
	)
	message := slices.Concat(
		[]byte{neighbourAdvertisement, 0, 0, 0, override, 0, 0, 0}, []byte(address.To16()),
		[]byte{targetLinkLayerAddress, 1}, []byte(attrs.HardwareAddr))
	from := unix.PktInfo6(&unix.Inet6Pktinfo{Addr: [16]byte(address.To16()), Ifindex: uint32(attrs.Index)})
	to := &unix.SockaddrInet6{Addr: [16]byte{0: 0xff, 1: 0x02, 15: 1}, ZoneId: uint32(attrs.Index)}
	return unix.Sendmsg(socket, message, from, to, 0)
}
