package iptables

import (
	"bytes"
	"encoding/binary"
	"net"
	"strconv"
	"strings"
)

// match reads the data of those matches of iptables that this package's users have
// (linux/netfilter/xt_*.h). Numbers are in the machine's byte order.
func (d *decoder) match(name string, revision uint32, data []byte) {
	switch {
	case name == "comment": // char comment[256]
		text, _, _ := bytes.Cut(data, []byte{0})
		d.add(Comment(string(text))...)
	case name == "multiport" && revision == 1 && len(data) >= 48:
		d.multiport(data)
	case name == "addrtype" && revision <= 1 && len(data) >= 8:
		// source, dest; flags, of revision 0 invert_source, invert_dest
		if binary.NativeEndian.Uint16(data) != 0 || !isZero(data[4:]) || binary.NativeEndian.Uint16(data[2:]) != 1<<typeLocal {
			d.add(unknown)
			return
		}
		d.addType(false, typeLocal)
	case name == "conntrack" && revision >= 2 && len(data) >= 152:
		d.conntrack(data)
	case name == "tcp" && len(data) >= 12: // spts[2], dpts[2], option, flg_mask, flg_cmp, invflags
		d.ports(name, data[4:8], data[0:4], data[8:12])
	case name == "udp" && len(data) >= 9: // spts[2], dpts[2], invflags
		d.ports(name, data[4:8], data[0:4], data[8:9])
	case name == "sctp" && len(data) >= 292:
		d.sctp(data)
	case name == "mark" && revision == 1 && len(data) >= 9: // mark, mask; invert
		d.addMatch(data[8] != 0, "-m", "mark", "--mark", markText(data[4:8], data[:4]))
	default:
		d.add("-m", name, unknown)
	}
}

// ports adds a match of destination ports, unless the rule is about other things, too.
func (d *decoder) ports(protocol string, destination, source, rest []byte) {
	anyPort := []byte{0, 0, 0xff, 0xff}
	if !bytes.Equal(source, anyPort) || !isZero(rest) {
		d.add("-m", protocol, unknown)
		return
	}
	if bytes.Equal(destination, anyPort) {
		return
	}
	d.add("-m", protocol, "--dport", ports16(binary.NativeEndian.Uint16(destination), binary.NativeEndian.Uint16(destination[2:])))
}

// sctp: dpts[2], spts[2], 276 bytes about chunks, flags, invflags. Unlike those of others,
// ports mean nothing without their flag.
func (d *decoder) sctp(data []byte) {
	const destination = 1 << 1
	if binary.NativeEndian.Uint32(data[284:]) != destination || binary.NativeEndian.Uint32(data[288:]) != 0 {
		d.add("-m", "sctp", unknown)
		return
	}
	d.add("-m", "sctp", "--dport", ports16(binary.NativeEndian.Uint16(data), binary.NativeEndian.Uint16(data[2:])))
}

// multiport: flags, count, ports[15], pflags[15], invert. A port with a flag is the
// first one of a range.
func (d *decoder) multiport(data []byte) {
	const destination = 1
	count, begins := int(data[1]), data[32:47]
	if data[0] != destination || count > MaxMultiport {
		d.add("-m", "multiport", unknown)
		return
	}
	var ports strings.Builder
	for i := range count {
		ports.WriteString(strconv.Itoa(int(binary.NativeEndian.Uint16(data[2+2*i:]))))
		switch {
		case i == count-1:
		case begins[i] != 0:
			ports.WriteByte(':')
		default:
			ports.WriteByte(',')
		}
	}
	d.addMatch(data[47] != 0, "-m", "multiport", "--dports", ports.String())
}

// MaxMultiport is how many ports the match multiport takes, a range counting as
// two (linux/netfilter/xt_multiport.h, XT_MULTI_PORTS).
const MaxMultiport = 15

// conntrack: 8 addresses, expires_min, expires_max, 5 numbers for protocol and ports,
// match_flags, invert_flags, state_mask. Only the state is asked for.
func (d *decoder) conntrack(data []byte) {
	const flags, state = 146, 1 << 0
	asked, inverted := binary.NativeEndian.Uint16(data[flags:]), binary.NativeEndian.Uint16(data[flags+2:])
	if asked != state {
		d.add("-m", "conntrack", unknown)
		return
	}
	d.addStates(inverted&state != 0, binary.NativeEndian.Uint16(data[flags+4:]))
}

// rangeRandomFully is NF_NAT_RANGE_PROTO_RANDOM_FULLY (linux/netfilter/nf_nat.h).
const rangeRandomFully = 1 << 4

// target reads the data of targets, like match.
func (d *decoder) target(name string, revision uint32, data []byte) {
	switch {
	case name == "MASQUERADE" && len(data) >= 8:
		d.masquerade(data)
	case name == "MARK" && revision == 2 && len(data) >= 8: // mark, mask
		d.addMark(binary.NativeEndian.Uint32(data), binary.NativeEndian.Uint32(data[4:]))
	case name == "DNAT":
		d.destination(revision, data)
	case name == "REJECT":
		d.add("-j", name, "--reject-with", unknown)
	default:
		d.add("-j", name, unknown)
	}
}

// masquerade: of IPv4 rangesize, flags; of IPv6 flags.
func (d *decoder) masquerade(data []byte) {
	if d.family == IPv4 {
		data = data[4:]
	}
	d.add("-j", "MASQUERADE")
	switch binary.NativeEndian.Uint32(data) {
	case 0:
	case rangeRandomFully:
		d.add("--random-fully")
	default:
		d.add(unknown)
	}
}

// destination: revision 0 has rangesize, flags, min_ip, max_ip, min, max of IPv4; the
// later ones flags, two addresses of 16 bytes, min, max, and from revision 2 base.
// Addresses and ports are in the network's byte order.
func (d *decoder) destination(revision uint32, data []byte) {
	size := net.IPv4len
	if d.family == IPv6 {
		size = net.IPv6len
	}
	var (
		ip    net.IP
		ports []byte
	)
	switch {
	case revision == 0 && len(data) >= 20:
		ip, ports = data[8:12], data[16:20]
	case revision >= 1 && len(data) >= 40:
		ip, ports = data[4:4+size], data[36:]
	default:
		d.add("-j", "DNAT", unknown)
		return
	}
	const hasOffset = 1 << 5 // NF_NAT_RANGE_PROTO_OFFSET
	offset := uint16(0)
	if revision >= 2 && len(ports) >= 6 && binary.NativeEndian.Uint32(data)&hasOffset != 0 {
		offset = number(ports[4:])
	}
	d.addDestination(ip, number(ports), number(ports[2:]), offset)
}
