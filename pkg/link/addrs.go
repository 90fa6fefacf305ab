package link

import (
	"fmt"
	"net"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Networks returns the addresses of one link, each with its prefix length. It
// costs the same however many links there are: kernels since 4.20 leave out the
// addresses of the others.
func (n *Namespace) Networks(l netlink.Link) ([]*net.IPNet, error) {
	index := l.Attrs().Index
	messages, err := n.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, func(req *nl.NetlinkRequest) {
		msg := nl.NewIfAddrmsg(unix.AF_UNSPEC)
		msg.Index = uint32(index)
		req.AddData(msg)
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses of %q: %w", l.Attrs().Name, err)
	}
	var networks []*net.IPNet
	for _, m := range messages {
		msg := nl.DeserializeIfAddrmsg(m)
		attrs, err := nl.ParseRouteAttr(m[msg.Len():])
		if err != nil {
			return nil, fmt.Errorf("read addresses of %q: %w", l.Attrs().Name, err)
		}
		if int(msg.Index) == index {
			networks = append(networks, network(msg, attrs))
		}
	}
	return networks, nil
}

// network reads one address. IFA_LOCAL is the link's own and IFA_ADDRESS that
// of its peer, where there is one; IPv6 has the latter only.
func network(msg *nl.IfAddrmsg, attrs []syscall.NetlinkRouteAttr) *net.IPNet {
	network := &net.IPNet{Mask: net.CIDRMask(int(msg.Prefixlen), 32)}
	if msg.Family == unix.AF_INET6 {
		network.Mask = net.CIDRMask(int(msg.Prefixlen), 128)
	}
	for _, attr := range attrs {
		switch attr.Attr.Type {
		case unix.IFA_LOCAL:
			network.IP = attr.Value
		case unix.IFA_ADDRESS:
			if network.IP == nil {
				network.IP = attr.Value
			}
		}
	}
	return network
}
