package link

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Ports returns the links whose master is l. The kernel leaves out the others
// (4.4).
func (n *Namespace) Ports(l netlink.Link) ([]netlink.Link, error) {
	index := l.Attrs().Index
	ports, err := n.list(portsOf(index), nil)
	if err != nil {
		return nil, fmt.Errorf("list ports of %q: %w", l.Attrs().Name, err)
	}
	return slices.DeleteFunc(ports, func(port netlink.Link) bool { return port.Attrs().MasterIndex != index }), nil
}

// PortFlags are settings of a bridge's port.
type PortFlags struct {
	// Hairpin lets frames leave through the port that they came through.
	Hairpin bool
	// Isolated keeps frames of other isolated ports away (4.18).
	Isolated bool
}

// PortFlags returns the settings of a port.
func (n *Namespace) PortFlags(port netlink.Link) (PortFlags, error) {
	settings, err := n.settings(port, unix.IFLA_LINKINFO, nl.IFLA_INFO_SLAVE_DATA)
	return parsePortFlags(settings), err
}

// settings returns what the kernel has at the end of a path of attributes of a
// link.
func (n *Namespace) settings(l netlink.Link, path ...uint16) ([]syscall.NetlinkRouteAttr, error) {
	req, err := n.request(unix.RTM_GETLINK, unix.NLM_F_ACK)
	if err != nil {
		return nil, err
	}
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(l.Attrs().Index)
	req.AddData(msg)
	messages, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil {
		return nil, fmt.Errorf("look %q up: %w", l.Attrs().Name, err)
	}
	var attrs []syscall.NetlinkRouteAttr
	for _, m := range messages {
		if attrs, err = nl.ParseRouteAttr(m[msg.Len():]); err == nil {
			attrs, err = nested(attrs, path...)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read settings of %q: %w", l.Attrs().Name, err)
	}
	return attrs, nil
}

func parsePortFlags(settings []syscall.NetlinkRouteAttr) PortFlags {
	var flags PortFlags
	for _, attr := range settings {
		on := len(attr.Value) > 0 && attr.Value[0] != 0
		switch attr.Attr.Type {
		case nl.IFLA_BRPORT_MODE:
			flags.Hairpin = on
		case nl.IFLA_BRPORT_ISOLATED:
			flags.Isolated = on
		}
	}
	return flags
}

// nested follows a path of attribute types and returns what is at its end.
func nested(attrs []syscall.NetlinkRouteAttr, path ...uint16) ([]syscall.NetlinkRouteAttr, error) {
	for _, step := range path {
		var inner []syscall.NetlinkRouteAttr
		for _, attr := range attrs {
			if attr.Attr.Type&^unix.NLA_F_NESTED == step {
				var err error
				if inner, err = nl.ParseRouteAttr(attr.Value); err != nil {
					return nil, err
				}
			}
		}
		attrs = inner
	}
	return attrs, nil
}
