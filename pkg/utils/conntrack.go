package utils

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
)

// The protocol numbers that IANA assigned.
const (
	PROTOCOL_TCP  = 6
	PROTOCOL_UDP  = 17
	PROTOCOL_SCTP = 132
)

// DeleteConntrackEntriesForDstIP makes the kernel forget the connections of
// the protocol whose first packet went to dstIP, in the namespace of the
// calling thread.
func DeleteConntrackEntriesForDstIP(dstIP string, protocol uint8) error {
	ip := net.ParseIP(dstIP)
	if ip == nil {
		return fmt.Errorf("error deleting connection tracking state, bad IP %v", ip)
	}
	var family netlink.InetFamily = netlink.FAMILY_V4
	if ip.To4() == nil {
		family = netlink.FAMILY_V6
	}
	err := deleteConntrackEntries(family, protocol, func(f *netlink.ConntrackFilter) error {
		return f.AddIP(netlink.ConntrackOrigDstIP, ip)
	})
	if err != nil {
		return fmt.Errorf("error deleting connection tracking state for protocol: %d IP: %s, error: %w", protocol, ip, err)
	}
	return nil
}

// DeleteConntrackEntriesForDstPort makes the kernel forget the connections of
// the protocol and family whose first packet went to port, in the namespace of
// the calling thread. The protocol must be one with ports.
func DeleteConntrackEntriesForDstPort(port uint16, protocol uint8, family netlink.InetFamily) error {
	err := deleteConntrackEntries(family, protocol, func(f *netlink.ConntrackFilter) error {
		return f.AddPort(netlink.ConntrackOrigDstPort, port)
	})
	if err != nil {
		return fmt.Errorf("error deleting connection tracking state for protocol: %d Port: %d, error: %w", protocol, port, err)
	}
	return nil
}

// deleteConntrackEntries deletes the entries of the protocol that fulfil the
// condition as well. The kernel hands out the whole table of the family, so
// that a call costs as much as there are connections.
func deleteConntrackEntries(family netlink.InetFamily, protocol uint8, condition func(*netlink.ConntrackFilter) error) error {
	filter := &netlink.ConntrackFilter{}
	if err := filter.AddProtocol(protocol); err != nil {
		return err
	}
	if err := condition(filter); err != nil {
		return err
	}
	_, err := netlinksafe.ConntrackDeleteFilters(netlink.ConntrackTable, family, filter)
	return err
}
