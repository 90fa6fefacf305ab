package dhcp4

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Announce tells the neighbours on an Ethernet link whose address it is
// (RFC 5227, section 3). It belongs into the link's namespace, and does not wait.
func Announce(index int, mac net.HardwareAddr, address netip.Addr) error {
	if len(mac) != 6 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open packet socket: %w", err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ARP), Ifindex: index, Halen: 6}
	copy(to.Addr[:], bytes.Repeat([]byte{0xff}, 6))
	if err := unix.Sendto(fd, announcement(mac, address), 0, to); err != nil {
		return fmt.Errorf("announce %v: %w", address, err)
	}
	return nil
}

// announcement is an ARP request for one's own address (RFC 826).
func announcement(mac net.HardwareAddr, address netip.Addr) []byte {
	const ethernet, ipv4, request = 1, 0x0800, 1
	p := binary.BigEndian.AppendUint16(nil, ethernet)
	p = binary.BigEndian.AppendUint16(p, ipv4)
	p = append(p, 6, 4)
	p = binary.BigEndian.AppendUint16(p, request)
	p = append(append(p, mac...), address.AsSlice()...)
	return append(append(p, make([]byte, 6)...), address.AsSlice()...)
}
