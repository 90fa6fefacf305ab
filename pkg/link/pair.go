package link

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// end is one end of a new pair of virtual Ethernet devices. The transmit queue lengths
// are left to the kernel: 1000 on both ends, where a length of 0 would make qdiscs drop
// bursts.
type end struct {
	name string
	mac  net.HardwareAddr
	// mtu in bytes. Default: the kernel's, 1500.
	mtu   int
	group uint32
	// master is for the near end only: the kernel ignores a peer's.
	master int
	// at is the namespace of the far end. Default: that of the near one.
	at *Namespace
}

func (e end) attributes() []*nl.RtAttr {
	attrs := []*nl.RtAttr{
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(e.name)),
		nl.NewRtAttr(unix.IFLA_ADDRESS, e.mac),
	}
	number := func(kind int, value uint32) {
		if value != 0 {
			attrs = append(attrs, nl.NewRtAttr(kind, nl.Uint32Attr(value)))
		}
	}
	number(unix.IFLA_MTU, uint32(e.mtu))
	number(unix.IFLA_GROUP, e.group)
	number(unix.IFLA_MASTER, uint32(e.master))
	if e.at != nil {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(e.at.NetNS.Fd()))))
	}
	return attrs
}

// makePair makes both ends, which are down, in one message, whose flags (NLM_F_*) are
// added to, and returns the answers with what has been made. The near end is in n. A name
// that is taken is unix.EEXIST.
func (n *Namespace) makePair(near, far end, flags int) ([][]byte, error) {
	req, err := n.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK|flags)
	if err != nil {
		return nil, err
	}
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	for _, attr := range near.attributes() {
		req.AddData(attr)
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC)
	for _, attr := range far.attributes() {
		peer.AddChild(attr)
	}
	req.AddData(info)
	made, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	return made, n.explain("veth", err)
}

// addPair makes both ends and returns the near one. Kernels since 6.2 tell in their answer
// what they have made (NLM_F_ECHO); earlier ones are asked for it.
func (n *Namespace) addPair(near, far end) (netlink.Link, error) {
	made, err := n.makePair(near, far, unix.NLM_F_ECHO)
	switch {
	case err != nil:
		return nil, err
	case len(made) > 0:
		return netlink.LinkDeserialize(nil, made[0])
	}
	l, err := n.LinkByName(near.name)
	if err != nil {
		err = errors.Join(fmt.Errorf("failed to lookup %q: %w", near.name, err), n.Delete(near.name, "veth"))
	}
	return l, err
}
