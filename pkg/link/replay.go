package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Addresses and routes are kept as the kernel's own messages, with all that it
// knows of them, and sent back to it as `ip address restore` does.

// addressHeader and routeHeader are the sizes of struct ifaddrmsg and rtmsg.
const (
	addressHeader = unix.SizeofIfAddrmsg
	routeHeader   = unix.SizeofRtMsg
)

// nextHopID is RTA_NH_ID (linux/rtnetlink.h).
const nextHopID = 30

// rawAddresses returns the addresses of a link but for those that the kernel
// makes up for a while (RFC 8981).
func (n *Namespace) rawAddresses(l netlink.Link) ([][]byte, error) {
	messages, err := n.addresses(l)
	return slices.DeleteFunc(messages, func(m []byte) bool {
		msg := nl.DeserializeIfAddrmsg(m)
		return msg.Family == unix.AF_INET6 && msg.Flags&unix.IFA_F_TEMPORARY != 0
	}), err
}

// isFleeting reports whether an address is one of IPv6 for a while. Of those the kernel
// makes the subnet's route only when the interface is up.
func isFleeting(message []byte) bool {
	if len(message) < addressHeader {
		return false
	}
	msg := nl.DeserializeIfAddrmsg(message)
	return msg.Family == unix.AF_INET6 && msg.Flags&unix.IFA_F_PERMANENT == 0
}

// replayAddress gives a link an address, unless it has that.
func (n *Namespace) replayAddress(message []byte, index int) error {
	if len(message) < addressHeader {
		return errors.New("malformed message")
	}
	message = slices.Clone(message)
	nl.DeserializeIfAddrmsg(message).Index = uint32(index)
	return n.replay(unix.RTM_NEWADDR, unix.NLM_F_EXCL, message)
}

// rawRoutes returns the routes through a link alone that makers of the protocols have
// made, those without a gateway first, as the others need them.
func (n *Namespace) rawRoutes(l netlink.Link, made func(protocol uint8) bool) ([][]byte, error) {
	var direct, gatewayed [][]byte
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		messages, err := n.dump(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, func(req *nl.NetlinkRequest) {
			req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: family}})
			// Kernels before 4.20 ignore it.
			req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(l.Attrs().Index))))
		})
		if err != nil {
			return nil, fmt.Errorf("list routes of %q: %w", l.Attrs().Name, err)
		}
		for _, m := range messages {
			attrs, err := routeAttrs(m)
			if err != nil {
				return nil, fmt.Errorf("read routes of %q: %w", l.Attrs().Name, err)
			}
			switch {
			case !isOwn(m, attrs, l.Attrs().Index) || !made(nl.DeserializeRtMsg(m).Protocol):
			case attrs[unix.RTA_GATEWAY] == nil && attrs[unix.RTA_VIA] == nil:
				direct = append(direct, m)
			default:
				gatewayed = append(gatewayed, m)
			}
		}
	}
	return append(direct, gatewayed...), nil
}

// routeAttrs returns the attributes of a route by type. They share the memory of
// the message. It may be one of a record, which somebody may have written to: the library
// takes for granted, as the kernel does it, that each attribute ends at a multiple of four bytes.
func routeAttrs(message []byte) (map[uint16][]byte, error) {
	if len(message) < routeHeader || len(message)%4 != 0 {
		return nil, errors.New("malformed message")
	}
	list, err := nl.ParseRouteAttr(message[routeHeader:])
	if err != nil {
		return nil, err
	}
	attrs := make(map[uint16][]byte)
	for _, attr := range list {
		attrs[attr.Attr.Type] = attr.Value
	}
	return attrs, nil
}

// byHand are the makers who will not do so again: neither the kernel nor a daemon.
func byHand(protocol uint8) bool {
	return protocol == unix.RTPROT_BOOT || protocol == unix.RTPROT_STATIC
}

// byOthers are the makers beside the kernel and the routers that it listens to.
func byOthers(protocol uint8) bool {
	return protocol > unix.RTPROT_KERNEL && protocol != unix.RTPROT_RA
}

// isOwn reports whether a route leads through the interface alone.
func isOwn(message []byte, attrs map[uint16][]byte, index int) bool {
	header := nl.DeserializeRtMsg(message)
	out := attrs[unix.RTA_OIF]
	switch {
	case len(out) != 4 || int(binary.NativeEndian.Uint32(out)) != index:
		return false
	case attrs[unix.RTA_MULTIPATH] != nil || attrs[nextHopID] != nil:
		return false
	}
	return header.Type == unix.RTN_UNICAST && header.Flags&unix.RTM_F_CLONED == 0
}

// replayRoute adds a route through a link, unless there is the same by now. One of IPv4
// comes behind those that lead elsewhere; of IPv6 the kernel would make one with several
// next hops of both.
func (n *Namespace) replayRoute(message []byte, index int) error {
	message = slices.Clone(message)
	attrs, err := routeAttrs(message)
	if err != nil {
		return err
	}
	if len(attrs[unix.RTA_OIF]) != 4 {
		return errors.New("malformed message")
	}
	binary.NativeEndian.PutUint32(attrs[unix.RTA_OIF], uint32(index))
	// The others say what became of it, which the kernel does not take.
	header := nl.DeserializeRtMsg(message)
	header.Flags &= unix.RTNH_F_ONLINK
	how := unix.NLM_F_EXCL
	if header.Family == unix.AF_INET {
		how = unix.NLM_F_APPEND
	}
	return n.replay(unix.RTM_NEWROUTE, how, message)
}

// isRefusal reports whether the kernel does not take what no longer fits a host
// that has changed meanwhile: it is left out, as DEL would never succeed.
func isRefusal(err error) bool {
	return slices.ContainsFunc([]error{
		unix.EEXIST, unix.EPERM, unix.EACCES, unix.EBUSY, unix.EINVAL, unix.ERANGE, unix.EADDRNOTAVAIL,
		unix.EAFNOSUPPORT, unix.EOPNOTSUPP, unix.ENETUNREACH, unix.EHOSTUNREACH,
	}, func(refusal error) bool { return errors.Is(err, refusal) })
}

// replay sends a message that makes something, in the way that a flag says.
func (n *Namespace) replay(kind, how int, message []byte) error {
	req, err := n.request(kind, unix.NLM_F_CREATE|how|unix.NLM_F_ACK)
	if err != nil {
		return err
	}
	req.AddRawData(message)
	_, err = req.Execute(unix.NETLINK_ROUTE, 0)
	if isRefusal(err) {
		return nil
	}
	return err
}
