package dhcp4

import (
	"encoding/binary"
	"net/netip"
)

const (
	clientPort = 68
	serverPort = 67

	ipHeader  = 20
	udpHeader = 8
	protoUDP  = 17
)

// broadcastAddr is the limited broadcast address.
var broadcastAddr = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// datagram wraps a message for the wire: IPv4 and UDP headers in front.
func datagram(src, dst netip.Addr, payload []byte) []byte {
	udpLength := udpHeader + len(payload)
	packet := make([]byte, ipHeader+udpLength)
	ip, udp := packet[:ipHeader], packet[ipHeader:]
	ip[0] = 0x45
	binary.BigEndian.PutUint16(ip[2:], uint16(len(packet)))
	ip[8] = 64
	ip[9] = protoUDP
	copy(ip[12:], src.AsSlice())
	copy(ip[16:], dst.AsSlice())
	binary.BigEndian.PutUint16(ip[10:], fold(sum(0, ip)))

	binary.BigEndian.PutUint16(udp[0:], clientPort)
	binary.BigEndian.PutUint16(udp[2:], serverPort)
	binary.BigEndian.PutUint16(udp[4:], uint16(udpLength))
	copy(udp[udpHeader:], payload)
	checksum := fold(sum(pseudoHeader(ip, udpLength), udp))
	if checksum == 0 {
		checksum = 0xffff // 0 stands for none (RFC 768)
	}
	binary.BigEndian.PutUint16(udp[6:], checksum)
	return packet
}

// payload returns what a datagram for a DHCP client carries, or false if the
// packet is none, or not a whole one. A sender on this machine may have left the
// checksum to hardware that is not there; then it does not count.
func payload(packet []byte, checksummed bool) ([]byte, bool) {
	if len(packet) < ipHeader || packet[0]>>4 != 4 {
		return nil, false
	}
	header, total := int(packet[0]&0xf)*4, int(binary.BigEndian.Uint16(packet[2:]))
	if header < ipHeader || total < header+udpHeader || total > len(packet) {
		return nil, false
	}
	const fragment = 0x3fff // more fragments, offset
	ip, udp := packet[:header], packet[header:total]
	if ip[9] != protoUDP || binary.BigEndian.Uint16(ip[6:])&fragment != 0 || fold(sum(0, ip)) != 0 {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(udp[4:]))
	if length < udpHeader || length > len(udp) || binary.BigEndian.Uint16(udp[2:]) != clientPort {
		return nil, false
	}
	udp = udp[:length]
	if checksummed && binary.BigEndian.Uint16(udp[6:]) != 0 && fold(sum(pseudoHeader(ip, length), udp)) != 0 {
		return nil, false
	}
	return udp[udpHeader:], true
}

// pseudoHeader is what UDP's checksum counts of the IPv4 header.
func pseudoHeader(ip []byte, length int) uint32 {
	return sum(uint32(protoUDP+length), ip[12:20])
}

// sum adds up 16-bit words (RFC 1071).
func sum(s uint32, data []byte) uint32 {
	for ; len(data) >= 2; data = data[2:] {
		s += uint32(binary.BigEndian.Uint16(data))
	}
	if len(data) == 1 {
		s += uint32(data[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}
