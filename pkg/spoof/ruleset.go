package spoof

import (
	"fmt"
	"net"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

// The ruleset, with one port whose addresses are checked:
//
//	table bridge cni_plugins_spoof {
//	    set attachments {
//	        type mark . mark . mark . mark . mark
//	        elements = { 0x6fd94d50 . … . 0x00000000 comment "veth0 02:00:00:00:00:01 and addresses", … }
//	    }
//	    set ports {
//	        type ifname
//	        elements = { "veth0" comment "6fd94d501e58f0aa-287fc69eff0574a2, net: …" }
//	    }
//	    set macs { type ifname . ether_addr; … }
//	    set address_ports { type ifname; … }
//	    set ipv4 { type ifname . ipv4_addr; … }
//	    set ipv6 { type ifname . ipv6_addr; … }
//	    chain prerouting {
//	        type filter hook prerouting priority -300; policy accept;
//	        iifname @ports goto frames
//	    }
//	    chain frames {
//	        iifname . ether saddr @macs goto senders
//	        drop
//	    }
//	    …
//
// A verdict map from ports to chains would do as well for frames, but the kernel
// validates all jumps of a map on every change, which takes longer the more it
// has. The priority is upstream's: before connection tracking and all else.

// The sets.
const (
	// attachments says who has what: see entry.
	attachments = "attachments"
	// ports are those that are checked, and addressPorts those of them whose
	// addresses are as well.
	ports        = "ports"
	addressPorts = "address_ports"
	// macs, ipv4 and ipv6 have the addresses of the ports.
	macs = "macs"
	ipv4 = "ipv4"
	ipv6 = "ipv6"
	// options has the link-layer options with the ports' hardware addresses, and
	// targets the addresses that the ports may be asked for.
	options = "options"
	targets = "targets"
)

// The chains.
const (
	prerouting = "prerouting"
	frames     = "frames"
	senders    = "senders"
	arpSenders = "arp_senders"
	addresses  = "addresses"
	ownTargets = "own_targets"

	discovery           = "neighbour_discovery"
	routerSolicitations = "router_solicitations"
	solicitations       = "solicitations"
	advertisements      = "advertisements"
)

// priority is the one before which no other base chain of a bridge is usual,
// NF_BR_PRI_NAT_DST_BRIDGED.
const priority = -300

func table() nft.Table {
	return nft.Table{
		Family: nft.Bridge, Name: "cni_plugins_spoof",
		Comment: "Who may send what, for plugins from github.com/containernetworking/plugins",
	}
}

func sets() []nft.Set {
	return []nft.Set{
		nft.OwnerSet(attachments),
		{Name: ports, Key: []nft.Type{nft.IfName}},
		{Name: macs, Key: []nft.Type{nft.IfName, nft.EtherAddr}},
		{Name: addressPorts, Key: []nft.Type{nft.IfName}},
		{Name: ipv4, Key: []nft.Type{nft.IfName, nft.IPv4Addr}},
		{Name: ipv6, Key: []nft.Type{nft.IfName, nft.IPv6Addr}},
		ofFields(options, optionBehind(targetEnd)),
		ofFields(targets, target()),
	}
}

// ofFields returns a set for ports and a field that nft(8) has no name for.
func ofFields(name string, f nft.Field) nft.Set {
	return nft.Set{
		Name:   name,
		Key:    []nft.Type{nft.IfName, nft.Integer(f.Length)},
		TypeOf: []nft.Origin{{Meta: unix.NFT_META_IIFNAME}, {Field: f}},
	}
}

// chain is a chain with its rules.
type chain struct {
	nft.Chain
	rules [][]nft.Expr
}

// chains returns the chains, those that others refer to first.
func chains() []chain {
	return []chain{
		{nft.Chain{Name: ownTargets}, [][]nft.Expr{
			rule(nft.Return, pair(target(), targets)),
			rule(nft.Drop),
		}},
		{nft.Chain{Name: addresses}, addressRules()},
		{nft.Chain{Name: arpSenders}, [][]nft.Expr{
			rule(nft.Return, protocol(unix.ETH_P_ARP), fixedARP(), pair(arpSenderMAC(), macs)),
			rule(nft.Drop),
		}},
		{nft.Chain{Name: routerSolicitations}, discoveryRules(solicitationEnd)},
		{nft.Chain{Name: solicitations}, append(
			[][]nft.Expr{rule(nft.Return, bodyLength(targetEnd+optionLen), is(optionType(targetEnd), []byte{14, 1}))},
			discoveryRules(targetEnd)...)},
		{nft.Chain{Name: advertisements}, discoveryRules(targetEnd)},
		{nft.Chain{Name: discovery}, [][]nft.Expr{
			rule(nft.Jump(routerSolicitations), icmpType(133)),
			rule(nft.Jump(solicitations), icmpType(135)),
			rule(nft.Jump(advertisements), icmpType(136)),
		}},
		{nft.Chain{Name: senders}, [][]nft.Expr{
			rule(nft.Jump(arpSenders), protocol(unix.ETH_P_ARP)),
			rule(nft.Jump(discovery), protocol(unix.ETH_P_IPV6), transport(unix.IPPROTO_ICMPV6)),
			rule(nft.Goto(addresses), port(addressPorts)),
		}},
		{nft.Chain{Name: frames}, [][]nft.Expr{
			rule(nft.Goto(senders), pair(sourceMAC(), macs)),
			rule(nft.Drop),
		}},
		{nft.Chain{Name: prerouting, Base: &nft.Base{Type: "filter", Hook: unix.NF_INET_PRE_ROUTING, Priority: priority}}, [][]nft.Expr{
			rule(nft.Goto(frames), port(ports)),
		}},
	}
}

// addressRules let pass what has one of the port's addresses as its source, or
// none where that is right. A packet that is too short matches nothing.
func addressRules() [][]nft.Expr {
	source4, source6 := nft.Source(net.IPv4zero), nft.Source(net.IPv6zero)
	return [][]nft.Expr{
		rule(nft.Accept, protocol(unix.ETH_P_IP), pair(source4, ipv4)),
		rule(nft.Jump(ownTargets), icmpType(136)),
		rule(nft.Jump(ownTargets), icmpType(135), is(source6, nft.Addr(net.IPv6zero))),
		rule(nft.Accept, protocol(unix.ETH_P_IPV6), pair(source6, ipv6)),
		rule(nft.Accept, protocol(unix.ETH_P_ARP), pair(arpSender(), ipv4)),
		rule(nft.Accept, protocol(unix.ETH_P_ARP), is(arpSender(), nft.Addr(net.IPv4zero))),
		rule(nft.Accept, protocol(unix.ETH_P_IP), is(source4, nft.Addr(net.IPv4zero)), toDHCPServer()),
		rule(nft.Accept, protocol(unix.ETH_P_IPV6), is(source6, nft.Addr(net.IPv6zero)), transport(unix.IPPROTO_ICMPV6)),
		rule(nft.Drop),
	}
}

// The messages of neighbour discovery (RFC 4861, section 4) have options behind
// their fixed parts, which end, in bytes, here. A link-layer option has 8 bytes.
const (
	solicitationEnd = 8
	targetEnd       = 24
	optionLen       = 8
)

// discoveryRules let pass messages without options and with none but the port's
// link-layer option. A solicitation may have a nonce instead (RFC 7527). Other
// options, or extension headers in front, no host has use for.
func discoveryRules(end uint32) [][]nft.Expr {
	return [][]nft.Expr{
		rule(nft.Return, bodyLength(end)),
		rule(nft.Return, bodyLength(end+optionLen), pair(optionBehind(end), options)),
		rule(nft.Drop),
	}
}

// bodyLength holds for packets whose ICMPv6 message has the length and stands
// right behind the header.
func bodyLength(n uint32) []nft.Expr {
	return slices.Concat(
		protocol(unix.ETH_P_IPV6),
		is(nft.Field{Base: unix.NFT_PAYLOAD_NETWORK_HEADER, Offset: 4, Length: 2}, []byte{0, byte(n)}),
		is(nft.Field{Base: unix.NFT_PAYLOAD_NETWORK_HEADER, Offset: 6, Length: 1}, []byte{unix.IPPROTO_ICMPV6}),
	)
}

// icmpType holds for ICMPv6 messages of the type.
func icmpType(n byte) []nft.Expr {
	return slices.Concat(
		protocol(unix.ETH_P_IPV6),
		transport(unix.IPPROTO_ICMPV6),
		is(nft.Field{Base: unix.NFT_PAYLOAD_TRANSPORT_HEADER, Length: 1}, []byte{n}),
	)
}

func target() nft.Field {
	return nft.Field{Base: unix.NFT_PAYLOAD_TRANSPORT_HEADER, Offset: 8, Length: 16}
}

func optionBehind(end uint32) nft.Field {
	return nft.Field{Base: unix.NFT_PAYLOAD_TRANSPORT_HEADER, Offset: end, Length: optionLen}
}

// optionType is the type of an option and its length.
func optionType(end uint32) nft.Field {
	return nft.Field{Base: unix.NFT_PAYLOAD_TRANSPORT_HEADER, Offset: end, Length: 2}
}

// rule returns a rule that gives its verdict if all of the conditions hold.
func rule(v nft.Verdict, conditions ...[]nft.Expr) []nft.Expr {
	return append(slices.Concat(conditions...), v.End())
}

// port holds if the set has the port's name, and pair if it has the name together
// with the field.
func port(set string) []nft.Expr {
	return []nft.Expr{nft.Meta(nft.Register1, unix.NFT_META_IIFNAME), nft.In(nft.Register1, set)}
}

func pair(f nft.Field, set string) []nft.Expr {
	return []nft.Expr{
		nft.Meta(nft.Register1, unix.NFT_META_IIFNAME),
		nft.Load(nft.Part(unix.IFNAMSIZ/4), f),
		nft.In(nft.Register1, set),
	}
}

// is holds if the field has the data.
func is(f nft.Field, data []byte) []nft.Expr {
	return []nft.Expr{nft.Load(nft.Register1, f), nft.Equal(nft.Register1, data)}
}

// protocol holds for frames of the type, which for those with a VLAN tag is
// that of what is behind the tag.
func protocol(etherType uint16) []nft.Expr {
	return []nft.Expr{
		nft.Meta(nft.Register1, unix.NFT_META_PROTOCOL),
		nft.Equal(nft.Register1, []byte{byte(etherType >> 8), byte(etherType)}),
	}
}

// transport holds for packets of the transport protocol.
func transport(number byte) []nft.Expr {
	return []nft.Expr{nft.Meta(nft.Register1, unix.NFT_META_L4PROTO), nft.Equal(nft.Register1, []byte{number})}
}

func sourceMAC() nft.Field {
	return nft.Field{Base: unix.NFT_PAYLOAD_LL_HEADER, Offset: 6, Length: 6}
}

func arpSenderMAC() nft.Field {
	return nft.Field{Base: unix.NFT_PAYLOAD_NETWORK_HEADER, Offset: 8, Length: 6}
}

func arpSender() nft.Field {
	return nft.Field{Base: unix.NFT_PAYLOAD_NETWORK_HEADER, Offset: 14, Length: 4}
}

// fixedARP holds for ARP for Ethernet (1) and IPv4, whose addresses have 6
// and 4 bytes.
func fixedARP() []nft.Expr {
	return is(nft.Field{Base: unix.NFT_PAYLOAD_NETWORK_HEADER, Length: 6}, []byte{0, 1, unix.ETH_P_IP >> 8, unix.ETH_P_IP & 0xff, 6, 4})
}

// toDHCPServer holds for UDP to port 67.
func toDHCPServer() []nft.Expr {
	port := nft.Field{Base: unix.NFT_PAYLOAD_TRANSPORT_HEADER, Offset: 2, Length: 2}
	return append(transport(unix.IPPROTO_UDP), is(port, []byte{0, 67})...)
}

// addMissing adds the table with all that ports have in common, if it is not
// there. It stays when the last port goes.
func addMissing(c *nft.Conn, tx *nft.Transaction) error {
	exists, err := c.HasTable(table())
	if err != nil || exists {
		return err
	}
	tx.AddTable(table())
	for _, s := range sets() {
		tx.AddSet(table(), s)
	}
	for _, c := range chains() {
		tx.AddChain(table(), c.Chain)
		for _, exprs := range c.rules {
			tx.AddRule(table(), c.Name, nft.Rule{Exprs: exprs})
		}
	}
	return nil
}

// checkRules returns an error if a chain has not as many rules as it should.
func checkRules(c *nft.Conn) error {
	for _, want := range chains() {
		have, err := c.Rules(table(), want.Name)
		if err != nil {
			return err
		}
		if len(have) != len(want.rules) {
			return fmt.Errorf("chain %s %s has %d rules instead of %d", table(), want.Name, len(have), len(want.rules))
		}
	}
	return nil
}
