package dhcp6

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
)

// Types of ICMPv6 messages and of their options (RFC 4861, sections 4 and 4.6;
// RFC 8106, section 5).
const (
	routerSolicitation  = 133
	routerAdvertisement = 134

	optionLinkAddress = 1
	optionPrefix      = 3
	optionServers     = 25
	optionDomains     = 31
)

// routers and nodes are the groups of all routers and all nodes on a link.
var (
	routers = netip.IPv6LinkLocalAllRouters()
	nodes   = netip.IPv6LinkLocalAllNodes()
)

// advertised is what a router advertisement says, as far as it is used here:
// what it means for addresses and routes, the kernel knows.
type advertised struct {
	router         netip.Addr
	lifetime       Seconds
	managed, other bool
	// autonomous are the prefixes of which the kernel makes addresses.
	autonomous []netip.Prefix
	dns        []netip.Addr
	search     []string
}

var errAdvertisement = errors.New("not a router advertisement from this link")

// parseAdvertisement reads an ICMPv6 message. Only a router on the link can have
// sent one with this hop limit (RFC 4861, section 6.1.2).
func parseAdvertisement(data []byte, from netip.Addr, hopLimit int) (*advertised, error) {
	if hopLimit != 255 || !from.IsLinkLocalUnicast() || len(data) < 16 || data[0] != routerAdvertisement || data[1] != 0 {
		return nil, errAdvertisement
	}
	a := &advertised{
		router:   from,
		managed:  data[5]&0x80 != 0,
		other:    data[5]&0x40 != 0,
		lifetime: Seconds(binary.BigEndian.Uint16(data[6:])),
	}
	for data = data[16:]; len(data) > 0; {
		if len(data) < 8 || data[1] == 0 || len(data) < int(data[1])*8 {
			return nil, errAdvertisement
		}
		length := int(data[1]) * 8
		if err := a.take(data[0], data[:length]); err != nil {
			return nil, err
		}
		data = data[length:]
	}
	return a, nil
}

// interfacePrefix is the length of prefixes that the kernel makes addresses of
// (addrconf_prefix_rcv).
const interfacePrefix = 64

// take reads one option. Options that do not apply count as not there.
func (a *advertised) take(kind byte, option []byte) error {
	switch kind {
	case optionPrefix:
		if len(option) != 32 || option[2] > 128 {
			return errAdvertisement
		}
		prefix := netip.PrefixFrom(netip.AddrFrom16([16]byte(option[16:])), int(option[2])).Masked()
		autonomous := option[3]&0x40 != 0
		valid := binary.BigEndian.Uint32(option[4:])
		if autonomous && valid > 0 && prefix.Bits() == interfacePrefix && !prefix.Addr().IsLinkLocalUnicast() {
			a.autonomous = append(a.autonomous, prefix)
		}
	case optionServers:
		if len(option) < 24 || len(option)%16 != 8 {
			return errAdvertisement
		}
		servers, err := parseServers(option[8:])
		if err != nil {
			return err
		}
		if binary.BigEndian.Uint32(option[4:]) > 0 {
			a.dns = append(a.dns, servers...)
		}
	case optionDomains:
		domains, err := parseDomains(option[8:], true)
		if err != nil {
			return err
		}
		if binary.BigEndian.Uint32(option[4:]) > 0 {
			a.search = append(a.search, domains...)
		}
	}
	return nil
}

// solicitation is the message that asks routers to advertise now (RFC 4861,
// section 4.1). The kernel adds the checksum.
func solicitation(hardware []byte) []byte {
	message := []byte{routerSolicitation, 0, 0, 0, 0, 0, 0, 0}
	if len(hardware) != 6 {
		return message
	}
	return slices.Concat(message, []byte{optionLinkAddress, 1}, hardware)
}
