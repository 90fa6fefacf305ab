package spoof_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/spoof"
)

// The container is at the port veth1, with these addresses; stranger is somebody
// else's.
var (
	own, stranger = mac(1), mac(7)
	ownAddresses  = cidrs("10.0.0.1/24", "fd00::1/64")
)

// traffic are frames, and whether they pass where the hardware address is
// checked and where the addresses are too. Elsewhere all pass.
var traffic = []struct {
	name        string
	frame       []byte
	mac, strict bool
}{
	{"IPv4", ether(own, unix.ETH_P_IP, ipv4("10.0.0.1", unix.IPPROTO_TCP, 0)), true, true},
	{"IPv4, another MAC", ether(stranger, unix.ETH_P_IP, ipv4("10.0.0.1", unix.IPPROTO_TCP, 0)), false, false},
	{"IPv4, another IP", ether(own, unix.ETH_P_IP, ipv4("10.0.0.9", unix.IPPROTO_TCP, 0)), true, false},
	{"IPv4, cut off", ether(own, unix.ETH_P_IP, ipv4("10.0.0.1", 0, 0)[:14]), true, false},
	{"IPv4, tagged", tagged(ether(own, unix.ETH_P_IP, ipv4("10.0.0.1", unix.IPPROTO_TCP, 0))), true, true},
	{"IPv4, tagged, another MAC", tagged(ether(stranger, unix.ETH_P_IP, ipv4("10.0.0.1", unix.IPPROTO_TCP, 0))), false, false},
	{"IPv4, tagged, another IP", tagged(ether(own, unix.ETH_P_IP, ipv4("10.0.0.9", unix.IPPROTO_TCP, 0))), true, false},
	{"IPv4, tagged twice", tagged(tagged(ether(own, unix.ETH_P_IP, ipv4("10.0.0.9", unix.IPPROTO_TCP, 0)))), true, false},
	{"DHCP", ether(own, unix.ETH_P_IP, ipv4("0.0.0.0", unix.IPPROTO_UDP, 67)), true, true},
	{"other UDP from nowhere", ether(own, unix.ETH_P_IP, ipv4("0.0.0.0", unix.IPPROTO_UDP, 53)), true, false},
	{"ARP", ether(own, unix.ETH_P_ARP, arp(own, "10.0.0.1")), true, true},
	{"ARP, another source", ether(stranger, unix.ETH_P_ARP, arp(own, "10.0.0.1")), false, false},
	{"ARP, another sender MAC", ether(own, unix.ETH_P_ARP, arp(stranger, "10.0.0.1")), false, false},
	{"ARP, another sender IP", ether(own, unix.ETH_P_ARP, arp(own, "10.0.0.9")), true, false},
	{"ARP, tagged, another sender MAC", tagged(ether(own, unix.ETH_P_ARP, arp(stranger, "10.0.0.1"))), false, false},
	{"ARP probe", ether(own, unix.ETH_P_ARP, arp(own, "0.0.0.0")), true, true},
	{"ARP, other lengths", ether(own, unix.ETH_P_ARP, slices.Concat([]byte{0, 1, 8, 0, 8, 4}, arp(own, "10.0.0.1")[6:])), false, false},
	{"ARP, cut off", ether(own, unix.ETH_P_ARP, arp(own, "10.0.0.1")[:7]), false, false},
	{"IPv6", ether(own, unix.ETH_P_IPV6, ipv6("fd00::1", unix.IPPROTO_TCP)), true, true},
	{"IPv6, link-local", ether(own, unix.ETH_P_IPV6, ipv6("fe80::ff:fe00:1", unix.IPPROTO_ICMPV6)), true, true},
	{"IPv6, another MAC", ether(stranger, unix.ETH_P_IPV6, ipv6("fd00::1", unix.IPPROTO_TCP)), false, false},
	{"IPv6, another IP", ether(own, unix.ETH_P_IPV6, ipv6("fd00::9", unix.IPPROTO_TCP)), true, false},
	{"IPv6, another link-local", ether(own, unix.ETH_P_IPV6, ipv6("fe80::ff:fe00:7", unix.IPPROTO_ICMPV6)), true, false},
	{"ICMPv6 from nowhere", ether(own, unix.ETH_P_IPV6, ipv6("::", unix.IPPROTO_ICMPV6)), true, true},
	{"UDP over IPv6 from nowhere", ether(own, unix.ETH_P_IPV6, ipv6("::", unix.IPPROTO_UDP)), true, false},
	{"solicitation", nd(135, "fd00::1", "fd00::2", 1, own), true, true},
	{"solicitation, another MAC", nd(135, "fd00::1", "fd00::2", 1, stranger), false, false},
	{"solicitation, another MAC, behind a header", ether(own, unix.ETH_P_IPV6, behindHeader(nd(135, "fd00::1", "fd00::2", 1, stranger)[14:])), false, false},
	{"detection", nd(135, "::", "fd00::1", 0, nil), true, true},
	{"detection with nonce", nd(135, "::", "fd00::1", 14, stranger), true, true},
	{"detection of another address", nd(135, "::", "fd00::9", 0, nil), true, false},
	{"advertisement", nd(136, "fd00::1", "fd00::1", 2, own), true, true},
	{"advertisement without option", nd(136, "fd00::1", "fd00::1", 0, nil), true, true},
	{"advertisement, another MAC", nd(136, "fd00::1", "fd00::1", 2, stranger), false, false},
	{"advertisement of another address", nd(136, "fd00::1", "fd00::9", 2, own), true, false},
	{"advertisement, tagged, another MAC", tagged(nd(136, "fd00::1", "fd00::1", 2, stranger)), false, false},
	{"router solicitation", nd(133, "fe80::ff:fe00:1", "", 1, own), true, true},
	{"router solicitation, another MAC", nd(133, "fe80::ff:fe00:1", "", 1, stranger), false, false},
	{"another protocol", ether(own, 0x88b5, make([]byte, 46)), true, false},
}

// trailer is the size of the number at the end of each frame.
const trailer = 8

// ether returns a frame to all.
func ether(source net.HardwareAddr, etherType uint16, payload []byte) []byte {
	frame := slices.Concat([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte(source))
	return append(binary.BigEndian.AppendUint16(frame, etherType), payload...)
}

// tagged puts the frame into the VLAN 5.
func tagged(frame []byte) []byte {
	return slices.Concat(frame[:12], []byte{0x81, 0, 0, 5}, frame[12:])
}

func ipv4(source string, protocol byte, port byte) []byte {
	packet := make([]byte, 28)
	copy(packet, []byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, protocol})
	copy(packet[12:], net.ParseIP(source).To4())
	copy(packet[16:], []byte{255, 255, 255, 255})
	packet[21], packet[23], packet[25] = 68, port, 8
	return packet
}

func ipv6(source string, protocol byte) []byte {
	packet := make([]byte, 48)
	copy(packet, []byte{0x60, 0, 0, 0, 0, 8, protocol, 255})
	copy(packet[8:], net.ParseIP(source))
	copy(packet[24:], net.ParseIP("ff02::1"))
	return packet
}

func arp(sender net.HardwareAddr, ip string) []byte {
	return slices.Concat([]byte{0, 1, 8, 0, 6, 4, 0, 1}, []byte(sender), []byte(net.ParseIP(ip).To4()), make([]byte, 6), []byte{10, 0, 0, 2})
}

// nd returns a frame with a message of neighbour discovery, which may have a
// target and an option.
func nd(kind byte, source, target string, option byte, data net.HardwareAddr) []byte {
	message := slices.Concat([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, []byte(net.ParseIP(target)))
	if option != 0 {
		message = slices.Concat(message, []byte{option, 1}, []byte(data))
	}
	packet := append(ipv6(source, unix.IPPROTO_ICMPV6)[:40], message...)
	packet[5] = byte(len(message))
	return ether(own, unix.ETH_P_IPV6, packet)
}

// behindHeader puts an empty extension header (RFC 8200, section 4.6) in front of
// what the packet carries.
func behindHeader(packet []byte) []byte {
	const destinationOptions = 60
	header := []byte{packet[6], 0, 1, 4, 0, 0, 0, 0}
	packet = slices.Concat(packet[:40], header, packet[40:])
	packet[6] = destinationOptions
	packet[5] += byte(len(header))
	return packet
}

// station is a container on the bridge and a socket for frames in it.
type station struct {
	netNS  ns.NetNS
	socket int
}

func newStation(port string, address net.HardwareAddr) (*station, error) {
	netNS, err := ns.TempNetNS()
	if err != nil {
		return nil, err
	}
	s := &station{netNS: netNS, socket: -1}
	_, err = run("sh", "-ec", fmt.Sprintf(`
		ip link add %[1]s type veth peer name eth0 address %[2]s netns %[3]s
		ip link set %[1]s master br0 up`, port, address, netNS.Path()))
	if err == nil {
		err = netNS.Do(func(ns.NetNS) error { return s.open() })
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *station) open() error {
	if _, err := run("sh", "-ec", "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; ip link set eth0 up"); err != nil {
		return err
	}
	eth0, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // in the network's byte order
	if s.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, all); err != nil {
		return err
	}
	timeout := unix.NsecToTimeval((5 * time.Second).Nanoseconds())
	return errors.Join(
		unix.SetsockoptTimeval(s.socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.Bind(s.socket, &unix.SockaddrLinklayer{Protocol: all, Ifindex: eth0.Index}),
	)
}

func (s *station) close() {
	if s.socket >= 0 {
		unix.Close(s.socket)
	}
	s.netNS.Close()
}

// arrives sends a frame, and one behind it that passes everywhere, and reports
// whether the other station gets the first one too.
func (s *station) arrives(frame []byte, to *station, n uint64) (bool, error) {
	for i, f := range [][]byte{frame, ether(own, unix.ETH_P_ARP, arp(own, "10.0.0.1"))} {
		f = binary.BigEndian.AppendUint64(slices.Clone(f), 2*n+uint64(i))
		if err := unix.Send(s.socket, f, 0); err != nil {
			return false, err
		}
	}
	arrived := false
	buffer := make([]byte, 256)
	for {
		size, _, err := unix.Recvfrom(to.socket, buffer, 0)
		if err != nil {
			return false, fmt.Errorf("receive: %w", err)
		}
		if size < trailer {
			continue
		}
		switch binary.BigEndian.Uint64(buffer[size-trailer : size]) {
		case 2 * n:
			arrived = true
		case 2*n + 1:
			return arrived, nil
		}
	}
}

// Frames in the name of others do not pass, and all others do; once the
// attachment is deleted, all pass.
func TestTraffic(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		// br_netfilter, where it is loaded, would drop packets that are not whole.
		_, err := run("sh", "-ec", `
			for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $f ] || echo 0 > $f; done
			ip link add br0 up type bridge mcast_snooping 0`)
		if err != nil {
			return err
		}
		sender, err := newStation("veth1", own)
		if err != nil {
			return err
		}
		defer sender.close()
		receiver, err := newStation("veth2", mac(2))
		if err != nil {
			return err
		}
		defer receiver.close()
		if _, err := run("timeout", "5", "sh", "-c", "until [ $(bridge link show | grep -c 'state forwarding') = 2 ]; do sleep 0.01; done"); err != nil {
			return err
		}
		n := uint64(1) << 60
		try := func(when string, passes func(i int) bool) error {
			for i, test := range traffic {
				n++
				have, err := sender.arrives(test.frame, receiver, n)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", when, test.name, err)
				}
				if want := passes(i); have != want {
					return fmt.Errorf("%s: %s: passes: %v, want %v", when, test.name, have, want)
				}
			}
			return nil
		}
		all := func(int) bool { return true }
		p := spoof.Port{Name: "veth1", MAC: own}
		strict := spoof.Port{Name: "veth1", MAC: own, Addresses: cidrs()}
		for _, step := range []struct {
			name   string
			do     func() error
			passes func(int) bool
		}{
			{"before ADD", func() error { return nil }, all},
			{"with MAC", func() error { return spoof.Add(one, p) }, func(i int) bool { return traffic[i].mac }},
			{"with addresses", func() error {
				return errors.Join(spoof.Add(one, strict), spoof.Allow(one, ownAddresses))
			}, func(i int) bool { return traffic[i].strict }},
			{"after DEL", func() error { return spoof.Del(one) }, all},
			{"beside another port", func() error {
				return spoof.Add(two, spoof.Port{Name: "veth2", MAC: mac(2), Addresses: cidrs("10.0.0.2/24")})
			}, all},
		} {
			if err := step.do(); err != nil {
				return err
			}
			if err := try(step.name, step.passes); err != nil {
				return err
			}
		}
		return spoof.Del(two)
	})
}
