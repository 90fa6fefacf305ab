package link

import (
	"encoding/binary"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Macvlan is a macvlan with all that it can be made with: the netlink package
// sends neither the flag nor MACAddrs, and to set the flag later makes the kernel
// lose count of who wants the interface below to take all frames.
type Macvlan struct {
	netlink.Macvlan
	// NoPromisc keeps mode passthru from making the interface below take all
	// frames.
	NoPromisc bool
}

// macvlanNoPromisc is MACVLAN_FLAG_NOPROMISC (linux/if_link.h).
const macvlanNoPromisc = 1

// addMacvlan makes a macvlan in the namespace of its attributes.
func (n *Namespace) addMacvlan(m *Macvlan) error {
	req, err := n.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	if err != nil {
		return err
	}
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(m.Index)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(m.Name)))
	if in, ok := m.Namespace.(netlink.NsFd); ok {
		req.AddData(nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(in))))
	}
	if len(m.HardwareAddr) > 0 {
		req.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, m.HardwareAddr))
	}
	for _, attr := range []struct{ kind, value int }{
		{unix.IFLA_LINK, m.ParentIndex}, {unix.IFLA_MTU, m.MTU},
		{unix.IFLA_NUM_TX_QUEUES, m.NumTxQueues}, {unix.IFLA_NUM_RX_QUEUES, m.NumRxQueues},
	} {
		if attr.value != 0 {
			req.AddData(nl.NewRtAttr(attr.kind, nl.Uint32Attr(uint32(attr.value))))
		}
	}
	req.AddData(m.linkInfo())
	_, err = req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

func (m *Macvlan) linkInfo() *nl.RtAttr {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(m.Type()))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	data.AddRtAttr(nl.IFLA_MACVLAN_MODE, nl.Uint32Attr(1<<(m.Mode-netlink.MACVLAN_MODE_PRIVATE)))
	if m.NoPromisc {
		data.AddRtAttr(nl.IFLA_MACVLAN_FLAGS, nl.Uint16Attr(macvlanNoPromisc))
	}
	if m.BCQueueLen != 0 {
		data.AddRtAttr(nl.IFLA_MACVLAN_BC_QUEUE_LEN, nl.Uint32Attr(m.BCQueueLen))
	}
	if len(m.MACAddrs) > 0 {
		data.AddRtAttr(nl.IFLA_MACVLAN_MACADDR_MODE, nl.Uint32Attr(nl.MACVLAN_MACADDR_SET))
		sources := data.AddRtAttr(nl.IFLA_MACVLAN_MACADDR_DATA, nil)
		for _, addr := range m.MACAddrs {
			sources.AddRtAttr(nl.IFLA_MACVLAN_MACADDR, addr)
		}
	}
	return info
}

// macvlan looks up what the netlink package does not read of a macvlan.
func (n *Namespace) macvlan(l *netlink.Macvlan) (*Macvlan, error) {
	settings, err := n.settings(l, unix.IFLA_LINKINFO, nl.IFLA_INFO_DATA)
	if err != nil {
		return nil, err
	}
	m := &Macvlan{Macvlan: *l}
	for _, s := range settings {
		if s.Attr.Type == nl.IFLA_MACVLAN_FLAGS && len(s.Value) >= 2 {
			m.NoPromisc = binary.NativeEndian.Uint16(s.Value)&macvlanNoPromisc != 0
		}
	}
	return m, nil
}
