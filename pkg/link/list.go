package link

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// skipStatistics is RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h, since 4.5.
const skipStatistics = 1 << 3

// addList completes the request for a list of links, which the kernel makes by filter,
// if that is not nil. It writes neither statistics nor, other than for the library's
// list, what virtual functions a device has, for which drivers ask the hardware.
func addList(req *nl.NetlinkRequest, filter *nl.RtAttr) {
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStatistics)))
	if filter != nil {
		req.AddData(filter)
	}
}

// portsOf is the filter for the links with a master.
func portsOf(master int) *nl.RtAttr {
	return nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(master)))
}

// kindOf is the filter for the links of a kind (4.6). A kernel that lacks the kind lists all.
func kindOf(kind string) *nl.RtAttr {
	filter := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	filter.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
	return filter
}

// list returns the links that filter, which may be nil, makes the kernel list and
// that keep, which may be nil, wants by the attributes of the message. One that nobody
// wants costs the kernel's part alone.
func (n *Namespace) list(filter *nl.RtAttr, keep func(attrs []byte) bool) ([]netlink.Link, error) {
	messages, err := n.dump(unix.RTM_GETLINK, unix.RTM_NEWLINK, func(req *nl.NetlinkRequest) {
		addList(req, filter)
	})
	if err != nil {
		return nil, err
	}
	var links []netlink.Link
	for _, m := range messages {
		if keep != nil && !keep(m[unix.SizeofIfInfomsg:]) {
			continue
		}
		l, err := netlink.LinkDeserialize(nil, m)
		if err != nil {
			return nil, err
		}
		links = append(links, l)
	}
	return links, nil
}

// OfKind returns the links of a kind, as "ifb".
func (n *Namespace) OfKind(kind string) ([]netlink.Link, error) {
	links, err := n.list(kindOf(kind), nil)
	if err != nil {
		return nil, fmt.Errorf("list links of kind %s: %w", kind, err)
	}
	return slices.DeleteFunc(links, func(l netlink.Link) bool { return l.Type() != kind }), nil
}

// with returns the links of which an attribute begins with a prefix.
func (n *Namespace) with(kind uint16, prefix []byte) ([]netlink.Link, error) {
	links, err := n.list(nil, func(attrs []byte) bool { return bytes.HasPrefix(attribute(attrs, kind), prefix) })
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	return links, nil
}

// attribute returns the first attribute of a type, nil if there is none.
func attribute(attrs []byte, kind uint16) []byte {
	for len(attrs) >= unix.SizeofRtAttr {
		length := int(nl.NativeEndian().Uint16(attrs))
		if length < unix.SizeofRtAttr || length > len(attrs) {
			return nil
		}
		if nl.NativeEndian().Uint16(attrs[2:]) == kind {
			return attrs[unix.SizeofRtAttr:length]
		}
		attrs = attrs[min((length+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1), len(attrs)):]
	}
	return nil
}
