package netlinksafe

import (
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
)

// The functions below work on the namespace of the calling thread, over a
// connection that each call makes.

// LinkByName is [netlink.LinkByName]. Kernels without look-up by name
// answer it by a dump.
func LinkByName(name string) (netlink.Link, error) {
	return retry(func() (netlink.Link, error) { return netlink.LinkByName(name) })
}

// LinkList is [netlink.LinkList].
func LinkList() ([]netlink.Link, error) {
	return retry(netlink.LinkList)
}

// AddrList is [netlink.AddrList].
func AddrList(link netlink.Link, family int) ([]netlink.Addr, error) {
	return retry(func() ([]netlink.Addr, error) { return netlink.AddrList(link, family) })
}

// BridgeVlanList is [netlink.BridgeVlanList].
func BridgeVlanList() (map[int32][]*nl.BridgeVlanInfo, error) {
	return retry(netlink.BridgeVlanList)
}

// RouteList is [netlink.RouteList].
func RouteList(link netlink.Link, family int) ([]netlink.Route, error) {
	return retry(func() ([]netlink.Route, error) { return netlink.RouteList(link, family) })
}

// RouteListFiltered is [netlink.RouteListFiltered].
func RouteListFiltered(family int, filter *netlink.Route, filterMask uint64) ([]netlink.Route, error) {
	return retry(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, filter, filterMask)
	})
}

// QdiscList is [netlink.QdiscList].
func QdiscList(link netlink.Link) ([]netlink.Qdisc, error) {
	return retry(func() ([]netlink.Qdisc, error) { return netlink.QdiscList(link) })
}

// FilterList is [netlink.FilterList].
func FilterList(link netlink.Link, parent uint32) ([]netlink.Filter, error) {
	return retry(func() ([]netlink.Filter, error) { return netlink.FilterList(link, parent) })
}

// LinkGetProtinfo is [netlink.LinkGetProtinfo].
func LinkGetProtinfo(link netlink.Link) (netlink.Protinfo, error) {
	return retry(func() (netlink.Protinfo, error) { return netlink.LinkGetProtinfo(link) })
}

// RuleList is [netlink.RuleList].
func RuleList(family int) ([]netlink.Rule, error) {
	return retry(func() ([]netlink.Rule, error) { return netlink.RuleList(family) })
}

// RuleListFiltered is [netlink.RuleListFiltered].
func RuleListFiltered(family int, filter *netlink.Rule, filterMask uint64) ([]netlink.Rule, error) {
	return retry(func() ([]netlink.Rule, error) {
		return netlink.RuleListFiltered(family, filter, filterMask)
	})
}

// ConntrackDeleteFilters is [netlink.ConntrackDeleteFilters]. It returns how
// many entries were deleted in all its dumps.
func ConntrackDeleteFilters(table netlink.ConntrackTableType, family netlink.InetFamily, filters ...netlink.CustomConntrackFilter) (uint, error) {
	return retryCount(func() (uint, error) {
		return netlink.ConntrackDeleteFilters(table, family, filters...)
	})
}
