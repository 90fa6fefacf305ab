package main

import (
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// kernelChanges calls changed after what may take a route of the agent away or lead it
// elsewhere: the kernel deletes the routes of an interface that goes down, those of IPv4
// without a word of its own. What is about containers is left out: links that it does not
// use, and addresses of podCIDRs.
func kernelChanges(uses func(link int) bool, isPod func(netip.Addr) bool, changed func()) notifications {
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
				address, ok := addressOf(m)
				matters = !ok || !isPod(address) && !address.IsLinkLocalUnicast()
			case unix.RTM_DELROUTE:
				matters = nl.DeserializeRtMsg(m.Data).Protocol == uint8(protocol)
			}
			if matters {
				changed()
			}
		},
	}
}

func addressOf(m syscall.NetlinkMessage) (netip.Addr, bool) {
	attributes, err := nl.ParseRouteAttr(m.Data[min(len(m.Data), unix.SizeofIfAddrmsg):])
	if err != nil {
		return netip.Addr{}, false
	}
	for _, a := range attributes {
		if a.Attr.Type == unix.IFA_ADDRESS {
			address, ok := netip.AddrFromSlice(a.Value)
			return address.Unmap(), ok
		}
	}
	return netip.Addr{}, false
}
