package link

import (
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Networks returns the addresses of one link, each with its prefix length.
func (n *Namespace) Networks(l netlink.Link) ([]*net.IPNet, error) {
	addrs, err := n.Addrs(l)
	var networks []*net.IPNet
	for _, addr := range addrs {
		networks = append(networks, addr.IPNet)
	}
	return networks, err
}

// Addrs returns the addresses of one link with their flags and scopes. It costs the same
// however many links there are: kernels since 4.20 leave out the addresses of the others.
func (n *Namespace) Addrs(l netlink.Link) ([]netlink.Addr, error) {
	messages, err := n.addresses(l)
	var addrs []netlink.Addr
	for _, m := range messages {
		msg := nl.DeserializeIfAddrmsg(m)
		addrs = append(addrs, readAddr(msg, m[msg.Len():]))
	}
	return addrs, err
}

// addresses returns the kernel's messages with the addresses of one link.
func (n *Namespace) addresses(l netlink.Link) ([][]byte, error) {
	index := uint32(l.Attrs().Index)
	messages, err := n.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, func(req *nl.NetlinkRequest) {
		msg := nl.NewIfAddrmsg(unix.AF_UNSPEC)
		msg.Index = index
		req.AddData(msg)
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses of %q: %w", l.Attrs().Name, err)
	}
	return slices.DeleteFunc(messages, func(m []byte) bool { return nl.DeserializeIfAddrmsg(m).Index != index }), nil
}

// Routes returns the routes of a family through one link, in all tables, also those that have
// other next hops besides. Kernels before 4.20 do not leave out the routes of other links.
func (n *Namespace) Routes(l netlink.Link, family int) ([]netlink.Route, error) {
	// Not for longer: the library's other requests are not strict.
	_ = n.SetStrictCheck(true)
	defer func() { _ = n.SetStrictCheck(false) }()
	// The mask says no more than that tables other than main count: routes with several next
	// hops have no interface of their own, by which the library could tell them.
	routes, err := n.RouteListFiltered(family, &netlink.Route{LinkIndex: l.Attrs().Index}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list routes of %q: %w", l.Attrs().Name, err)
	}
	return routes, nil
}

// readAddr reads one address. IFA_LOCAL is the link's own and IFA_ADDRESS that of its
// peer, where there is one; IPv6 has the latter only. IFA_FLAGS are more than fit into
// the header.
func readAddr(msg *nl.IfAddrmsg, attrs []byte) netlink.Addr {
	addr := netlink.Addr{IPNet: &net.IPNet{Mask: net.CIDRMask(int(msg.Prefixlen), 32)}, Flags: int(msg.Flags), Scope: int(msg.Scope)}
	if msg.Family == unix.AF_INET6 {
		addr.Mask = net.CIDRMask(int(msg.Prefixlen), 128)
	}
	addr.IP = attribute(attrs, unix.IFA_LOCAL)
	peer := net.IP(attribute(attrs, unix.IFA_ADDRESS))
	if addr.IP == nil {
		addr.IP = peer
	}
	if peer != nil && !addr.IP.Equal(peer) {
		addr.Peer = &net.IPNet{IP: peer, Mask: addr.Mask}
	}
	addr.Broadcast = attribute(attrs, unix.IFA_BROADCAST)
	if flags := attribute(attrs, unix.IFA_FLAGS); len(flags) == 4 {
		addr.Flags = int(nl.NativeEndian().Uint32(flags))
	}
	return addr
}
