package portmap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A UDP flow lasts as long as it is used, and goes where its first packet went,
// whatever the rules say by now.

// forgetFlows makes the kernel forget the flows through the host's ports to the
// container, which the rules have sent there.
func (f *forward) forgetFlows() {
	f.forgetWhere(func(t target, x flow) bool { return x.answering.Equal(t.ip) })
}

// forgetStaleFlows makes the kernel forget the flows through the host's ports to
// anybody but the container: the host itself, or one that had the ports before.
// Flows through the node to ports of others have nothing to do with it.
func (f *forward) forgetStaleFlows() {
	f.forgetWhere(func(t target, x flow) bool { return !x.answering.Equal(t.ip) && isLocal(x.destination) })
}

// forgetWhere makes the kernel forget the flows to the host's ports that fulfil
// the condition. That it cannot is no reason to fail.
func (f *forward) forgetWhere(condition func(target, flow) bool) {
	for _, t := range f.targets() {
		udp := slices.DeleteFunc(t.mappings(), func(m mapping) bool { return m.Protocol != "udp" })
		if len(udp) == 0 {
			continue
		}
		err := forget(uint8(t.nft()), udp, func(x flow) bool { return condition(t, x) })
		if err != nil {
			fmt.Fprintf(os.Stderr, "forget UDP flows to host ports: %v\n", err)
		}
	}
}

func isLocal(ip net.IP) bool {
	routes, err := netlink.RouteGet(ip)
	return err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL
}

// flow is an entry of conntrack.
type flow struct {
	// original is the tuple of its first packet as the kernel wrote it, and zone
	// the attribute with its zone, if any.
	original, zone []byte
	// destination is where that packet went to before translation, and answering
	// who got it.
	destination, answering net.IP
	port                   int
}

// Attributes of conntrack (linux/netfilter/nfnetlink_conntrack.h) that the
// libraries lack.
const (
	attrZone          = 18
	attrFilter        = 25
	attrOriginalFlags = 1
	filterProtocol    = 1 << 3
	filterPort        = 1 << 5
)

// forget deletes the UDP flows for the mappings that fulfil the condition. The
// kernel is asked for nothing but UDP, and if there is only one port, for that
// alone (Linux 5.8; before, it does not understand and lists all).
func forget(family uint8, mappings []mapping, condition func(flow) bool) error {
	list := newRequest(family, nl.IPCTNL_MSG_CT_GET, unix.NLM_F_DUMP)
	protocol := nl.NewRtAttr(nl.CTA_TUPLE_PROTO|unix.NLA_F_NESTED, nil)
	protocol.AddRtAttr(nl.CTA_PROTO_NUM, []byte{unix.IPPROTO_UDP})
	flags := uint32(filterProtocol)
	if len(mappings) == 1 && mappings[0].count() == 1 {
		protocol.AddRtAttr(nl.CTA_PROTO_DST_PORT, service(mappings[0].HostPort))
		flags |= filterPort
	}
	tuple := nl.NewRtAttr(nl.CTA_TUPLE_ORIG|unix.NLA_F_NESTED, nil)
	tuple.AddChild(protocol)
	filter := nl.NewRtAttr(attrFilter|unix.NLA_F_NESTED, nil)
	filter.AddRtAttr(attrOriginalFlags, binary.NativeEndian.AppendUint32(nil, flags))
	list.AddData(tuple)
	list.AddData(filter)
	// A list that was changed meanwhile may lack a flow; that one is younger than
	// the rules.
	replies, err := list.Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return err
	}
	for _, reply := range replies {
		x, ok := parseFlow(reply)
		isMapped := func(m mapping) bool {
			host := m.address()
			return x.port >= m.HostPort && x.port < m.HostPort+m.count() && (host == nil || host.Equal(x.destination))
		}
		if !ok || !slices.ContainsFunc(mappings, isMapped) || !condition(x) {
			continue
		}
		if err := x.delete(family); err != nil {
			return err
		}
	}
	return nil
}

func newRequest(family uint8, kind, flags int) *nl.NetlinkRequest {
	request := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_CTNETLINK<<8|kind, flags)
	request.AddData(&nl.Nfgenmsg{NfgenFamily: family, Version: nl.NFNETLINK_V0})
	return request
}

// delete deletes the flow, unless it has gone by itself.
func (x flow) delete(family uint8) error {
	request := newRequest(family, nl.IPCTNL_MSG_CT_DELETE, unix.NLM_F_ACK)
	request.AddData(nl.NewRtAttr(nl.CTA_TUPLE_ORIG|unix.NLA_F_NESTED, x.original))
	if x.zone != nil {
		request.AddData(nl.NewRtAttr(attrZone, x.zone))
	}
	_, err := request.Execute(unix.NETLINK_NETFILTER, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// parseFlow reads a message of conntrack, and returns false unless it is about
// UDP.
func parseFlow(message []byte) (flow, bool) {
	var x flow
	if len(message) < nl.SizeofNfgenmsg {
		return x, false
	}
	protocol := byte(0)
	for kind, data := range attributes(message[nl.SizeofNfgenmsg:]) {
		switch kind {
		case nl.CTA_TUPLE_ORIG:
			x.original = data
			_, x.destination, protocol, x.port = parseTuple(data)
		case nl.CTA_TUPLE_REPLY:
			x.answering, _, _, _ = parseTuple(data)
		case attrZone:
			x.zone = data
		}
	}
	return x, protocol == unix.IPPROTO_UDP
}

func parseTuple(tuple []byte) (source, destination net.IP, protocol byte, port int) {
	for kind, part := range attributes(tuple) {
		for inner, data := range attributes(part) {
			switch {
			case kind == nl.CTA_TUPLE_IP && (inner == nl.CTA_IP_V4_SRC || inner == nl.CTA_IP_V6_SRC):
				source = data
			case kind == nl.CTA_TUPLE_IP && (inner == nl.CTA_IP_V4_DST || inner == nl.CTA_IP_V6_DST):
				destination = data
			case kind == nl.CTA_TUPLE_PROTO && inner == nl.CTA_PROTO_NUM && len(data) == 1:
				protocol = data[0]
			case kind == nl.CTA_TUPLE_PROTO && inner == nl.CTA_PROTO_DST_PORT && len(data) == 2:
				port = int(binary.BigEndian.Uint16(data))
			}
		}
	}
	return source, destination, protocol, port
}

// attributes returns the type and data of each netlink attribute, up to the first
// that is not whole.
func attributes(data []byte) map[uint16][]byte {
	found := map[uint16][]byte{}
	for len(data) >= unix.SizeofNlAttr {
		length := int(binary.NativeEndian.Uint16(data))
		kind := binary.NativeEndian.Uint16(data[2:]) & nl.NLA_TYPE_MASK
		if length < unix.SizeofNlAttr || length > len(data) {
			break
		}
		found[kind] = data[unix.SizeofNlAttr:length]
		data = data[min((length+3)&^3, len(data)):]
	}
	return found
}
