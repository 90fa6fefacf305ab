package netlinksafe

import (
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
)

// Handle is a [netlink.Handle], a connection to one network namespace, whose
// dumps are repeated when they are interrupted.
type Handle struct {
	*netlink.Handle
}

// NewHandle connects to the namespace of the calling thread, for the given
// netlink families (unix.NETLINK_ROUTE, …), by default all that the kernel
// supports.
func NewHandle(nlFamilies ...int) (Handle, error) {
	h, err := netlink.NewHandle(nlFamilies...)
	return Handle{h}, err
}

// NewHandleAt connects to the namespace ns as NewHandle does.
func NewHandleAt(ns netns.NsHandle, nlFamilies ...int) (Handle, error) {
	h, err := netlink.NewHandleAt(ns, nlFamilies...)
	return Handle{h}, err
}

// Close ends the connection. The zero Handle may be closed.
func (h Handle) Close() {
	if h.Handle != nil {
		h.Handle.Close()
	}
}

// LinkByName is [netlink.Handle.LinkByName]. Kernels without
// look-up by name answer it by a dump.
func (h Handle) LinkByName(name string) (netlink.Link, error) {
	return retry(func() (netlink.Link, error) { return h.Handle.LinkByName(name) })
}

// LinkList is [netlink.Handle.LinkList].
func (h Handle) LinkList() ([]netlink.Link, error) {
	return retry(h.Handle.LinkList)
}

// AddrList is [netlink.Handle.AddrList].
func (h Handle) AddrList(link netlink.Link, family int) ([]netlink.Addr, error) {
	return retry(func() ([]netlink.Addr, error) { return h.Handle.AddrList(link, family) })
}

// BridgeVlanList is [netlink.Handle.BridgeVlanList].
func (h Handle) BridgeVlanList() (map[int32][]*nl.BridgeVlanInfo, error) {
	return retry(h.Handle.BridgeVlanList)
}

// RouteList is [netlink.Handle.RouteList].
func (h Handle) RouteList(link netlink.Link, family int) ([]netlink.Route, error) {
	return retry(func() ([]netlink.Route, error) { return h.Handle.RouteList(link, family) })
}

// RouteListFiltered is [netlink.Handle.RouteListFiltered].
func (h Handle) RouteListFiltered(family int, filter *netlink.Route, filterMask uint64) ([]netlink.Route, error) {
	return retry(func() ([]netlink.Route, error) {
		return h.Handle.RouteListFiltered(family, filter, filterMask)
	})
}

// QdiscList is [netlink.Handle.QdiscList].
func (h *Handle) QdiscList(link netlink.Link) ([]netlink.Qdisc, error) {
	return retry(func() ([]netlink.Qdisc, error) { return h.Handle.QdiscList(link) })
}

// FilterList is [netlink.Handle.FilterList].
func (h *Handle) FilterList(link netlink.Link, parent uint32) ([]netlink.Filter, error) {
	return retry(func() ([]netlink.Filter, error) { return h.Handle.FilterList(link, parent) })
}

// LinkGetProtinfo is [netlink.Handle.LinkGetProtinfo].
func (h *Handle) LinkGetProtinfo(link netlink.Link) (netlink.Protinfo, error) {
	return retry(func() (netlink.Protinfo, error) { return h.Handle.LinkGetProtinfo(link) })
}

// RuleList is [netlink.Handle.RuleList].
func (h *Handle) RuleList(family int) ([]netlink.Rule, error) {
	return retry(func() ([]netlink.Rule, error) { return h.Handle.RuleList(family) })
}

// RuleListFiltered is [netlink.Handle.RuleListFiltered].
func (h *Handle) RuleListFiltered(family int, filter *netlink.Rule, filterMask uint64) ([]netlink.Rule, error) {
	return retry(func() ([]netlink.Rule, error) {
		return h.Handle.RuleListFiltered(family, filter, filterMask)
	})
}

// ConntrackDeleteFilters is [netlink.Handle.ConntrackDeleteFilters]. It
// returns how many entries were deleted in all its dumps.
func (h *Handle) ConntrackDeleteFilters(table netlink.ConntrackTableType, family netlink.InetFamily, filters ...netlink.CustomConntrackFilter) (uint, error) {
	return retryCount(func() (uint, error) {
		return h.Handle.ConntrackDeleteFilters(table, family, filters...)
	})
}
