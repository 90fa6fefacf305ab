package link

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// InnerName is the name of the host's interface in a VLAN of a bridge.
func InnerName(bridge string, vlan int) string { return fmt.Sprintf("%s.%d", bridge, vlan) }

// AddInner makes a pair of virtual Ethernet devices within the namespace: one,
// with a name that InnerName has returned, for the host itself, and as its other
// end a port of the bridge, with a random name. Both are down. They are made and
// connected in one message, so that whoever finds such a device whose other end
// is no port knows that the bridge is gone. A name that is taken is unix.EEXIST.
func (n *Namespace) AddInner(bridge netlink.Link, name string) error {
	portName, err := RandomName("veth")
	if err != nil {
		return err
	}
	req, err := n.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	if err != nil {
		return err
	}
	mtu := nl.Uint32Attr(uint32(bridge.Attrs().MTU))
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(portName)))
	req.AddData(nl.NewRtAttr(unix.IFLA_MTU, mtu))
	// The kernel honours it for the device that the message is about, and
	// ignores it for its peer.
	req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(bridge.Attrs().Index))))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC)
	peer.AddRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name))
	peer.AddRtAttr(unix.IFLA_MTU, mtu)
	req.AddData(info)
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("make interface %q: %w", name, err)
	}
	return nil
}

// Inner returns both ends of such a pair.
func (n *Namespace) Inner(name string) (l, port netlink.Link, err error) {
	if l, err = n.LinkByName(name); err != nil {
		return nil, nil, err
	}
	if l.Type() != "veth" || l.Attrs().NetNsID >= 0 {
		return nil, nil, fmt.Errorf("%q exists but is no pair within the namespace", name)
	}
	port, err = n.LinkByIndex(PeerIndex(l))
	return l, port, err
}
