package main

import (
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// kernelChanges calls changed after what may take a route of the agent away or lead it
// elsewhere: the kernel deletes the routes of an interface that goes down, those of IPv4
// without a word of its own. So may a route that somebody else makes or deletes, if its
// destination concerns nodes. What is about containers is left out: links that it does not
// use, and addresses of podCIDRs.
func kernelChanges(uses func(link int) bool, isPod func(netip.Addr) bool, concerns func(netip.Prefix) bool, changed func()) notifications {
	return notifications{
		protocol: unix.NETLINK_ROUTE,
		groups: []int{
			unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE,
		},
		lost: changed,
		handle: func(m syscall.NetlinkMessage) {
			matters := false
			switch m.Header.Type {
			case unix.RTM_NEWLINK, unix.RTM_DELLINK:
				matters = uses(int(nl.DeserializeIfInfomsg(m.Data).Index))
			case unix.RTM_NEWADDR, unix.RTM_DELADDR:
				address, ok := netip.AddrFromSlice(attribute(m.Data, unix.SizeofIfAddrmsg, unix.IFA_ADDRESS))
				matters = !ok || !isPod(address) && !address.IsLinkLocalUnicast()
			case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
				r := nl.DeserializeRtMsg(m.Data)
				if r.Protocol == uint8(protocol) {
					matters = m.Header.Type == unix.RTM_DELROUTE
				} else if r.Table == unix.RT_TABLE_MAIN {
					address, ok := netip.AddrFromSlice(attribute(m.Data, unix.SizeofRtMsg, unix.RTA_DST))
					matters = !ok || !isPod(address) && concerns(netip.PrefixFrom(address, int(r.Dst_len)))
				}
			}
			if matters {
				changed()
			}
		},
	}
}
