package iptables

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

// addDestination adds the target DNAT. offset is the port of the host that belongs to
// the first of the range.
func (d *decoder) addDestination(ip net.IP, first, last, offset uint16) {
	text := ip.String()
	if first != 0 {
		ports := strings.Replace(ports16(first, last), ":", "-", 1)
		if offset != 0 {
			ports += "/" + strconv.Itoa(int(offset))
		}
		text = net.JoinHostPort(text, ports)
	}
	d.add("-j", "DNAT", "--to-destination", text)
}

// addAddress adds a match of an address. Without a mask, as many bytes were loaded as
// the prefix has.
func (d *decoder) addAddress(negated bool, option string, o operand, data []byte) {
	size := net.IPv4len
	if d.family == IPv6 {
		size = net.IPv6len
	}
	if len(data) > size || o.mask != nil && len(o.mask) != size {
		d.add(unknown)
		return
	}
	network := net.IPNet{IP: make(net.IP, size), Mask: o.mask}
	copy(network.IP, data)
	if o.mask == nil {
		network.Mask = net.CIDRMask(8*o.length, 8*size)
	}
	d.addMatch(negated, option, network.String())
}

// interfaceName returns the name that is compared. One without a final 0 is the
// beginning of names.
func interfaceName(data []byte) string {
	name, _, whole := bytes.Cut(data, []byte{0})
	if !whole {
		return string(name) + "+"
	}
	return string(name)
}

func protocolName(number byte) string {
	switch number {
	case unix.IPPROTO_TCP:
		return "tcp"
	case unix.IPPROTO_UDP:
		return "udp"
	case unix.IPPROTO_SCTP:
		return "sctp"
	}
	return strconv.Itoa(int(number))
}

func markText(mask, data []byte) string {
	text := fmt.Sprintf("0x%x", binary.NativeEndian.Uint32(data))
	if len(mask) == 4 {
		text += fmt.Sprintf("/0x%x", binary.NativeEndian.Uint32(mask))
	}
	return text
}

// typeLocal is RTN_LOCAL (linux/rtnetlink.h).
const typeLocal = 2

func (d *decoder) addType(negated bool, kind uint16) {
	if kind != typeLocal {
		d.add(unknown)
		return
	}
	d.addMatch(negated, "-m", "addrtype", "--dst-type", "LOCAL")
}

// Bits of states of connections that iptables and nftables have in different places, or
// that nftables calls a status (linux/netfilter/xt_conntrack.h, and for nftables
// nf_conntrack_common.h).
const (
	stateSNAT      = 1 << 6
	stateDNAT      = 1 << 7
	stateUntracked = 1 << 8

	ctStateUntracked = 1 << 6
	ctStatusSNAT     = 1 << 4
	ctStatusDNAT     = 1 << 5
)

// ofState returns iptables' bits for those of nftables' ct state.
func ofState(bits uint32) uint16 {
	if bits&ctStateUntracked != 0 {
		bits = bits&^ctStateUntracked | stateUntracked
	}
	return uint16(bits)
}

// ofStatus returns iptables' bits for those of nftables' ct status, 0 if it has others.
func ofStatus(bits uint32) uint16 {
	switch bits {
	case ctStatusSNAT:
		return stateSNAT
	case ctStatusDNAT:
		return stateDNAT
	case ctStatusSNAT | ctStatusDNAT:
		return stateSNAT | stateDNAT
	}
	return 0
}

// addStates adds a match of states of connections, in iptables' order. The lower bits are
// those of enum ip_conntrack_info plus one (linux/netfilter/nf_conntrack_common.h).
func (d *decoder) addStates(negated bool, bits uint16) {
	var states []string
	for _, s := range []struct {
		bit  uint16
		name string
	}{
		{1 << 0, "INVALID"}, {1 << 3, "NEW"}, {1 << 2, "RELATED"}, {1 << 1, "ESTABLISHED"},
		{stateUntracked, "UNTRACKED"}, {stateSNAT, "SNAT"}, {stateDNAT, "DNAT"},
	} {
		if bits&s.bit != 0 {
			states = append(states, s.name)
			bits &^= s.bit
		}
	}
	if bits != 0 || states == nil {
		states = append(states, unknown)
	}
	d.addMatch(negated, "-m", "conntrack", "--ctstate", strings.Join(states, ","))
}

func isZero(data []byte) bool { return len(bytes.Trim(data, "\x00")) == 0 }

func (d *decoder) addMark(value, mask uint32) {
	d.add("-j", "MARK", "--set-xmark", fmt.Sprintf("0x%x/0x%x", value, mask))
}

// portList returns the ports of a set, single ones or ranges, as iptables has them,
// but sorted.
func portList(elements []nft.Element) string {
	slices.SortFunc(elements, nft.Element.Compare)
	hasRanges := slices.ContainsFunc(elements, func(x nft.Element) bool { return x.EndsRange })
	var ports []string
	for i, x := range elements {
		first := number(x.Key)
		switch {
		case x.EndsRange:
		case !hasRanges:
			ports = append(ports, ports16(first, first))
		case i+1 < len(elements):
			ports = append(ports, ports16(first, number(elements[i+1].Key)-1))
		default:
			ports = append(ports, ports16(first, 65535))
		}
	}
	return strings.Join(ports, ",")
}

func number(data []byte) uint16 {
	if len(data) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(data)
}

func ports16(first, last uint16) string {
	if first == last {
		return strconv.Itoa(int(first))
	}
	return fmt.Sprintf("%d:%d", first, last)
}

func port(data []byte) string { return strconv.Itoa(int(number(data))) }
