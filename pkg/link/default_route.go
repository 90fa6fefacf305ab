package link

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ErrNoDefaultRoute is what DefaultRouteLink returns if there is no interface to
// be found.
var ErrNoDefaultRoute = errors.New("no default route interface found")

// DefaultRouteLink returns the interface through which packets to elsewhere
// leave by the main table: that of the default route with the lowest metric and,
// if that has several next hops, of the one with the greatest weight. IPv4 comes
// first; only a namespace without an IPv4 default route is asked for IPv6.
func (n *Namespace) DefaultRouteLink() (netlink.Link, error) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		hops, err := n.defaultHops(family)
		if err != nil {
			return nil, fmt.Errorf("list default routes: %w", err)
		}
		if len(hops) == 0 {
			continue
		}
		best := slices.MinFunc(hops, hop.compare)
		l, err := n.LinkByIndex(best.link)
		if err != nil {
			return nil, fmt.Errorf("look the interface of the default route up: %w", err)
		}
		return l, nil
	}
	return nil, ErrNoDefaultRoute
}

// hop is a next hop of a route.
type hop struct {
	link           int
	metric, weight uint32
}

// compare puts that first through which more packets go. Among equals, the kernel's
// order decides.
func (h hop) compare(other hop) int {
	if h.metric != other.metric {
		return cmp.Compare(h.metric, other.metric)
	}
	return cmp.Compare(other.weight, h.weight)
}

// defaultHops returns the next hops of the default routes in the main table. A node
// may have many other routes: those of IPv4 come in the order of their destinations,
// and are read up to the first that is none.
func (n *Namespace) defaultHops(family uint8) ([]hop, error) {
	var hops []hop
	err := n.readSome(unix.RTM_GETROUTE, func(req *nl.NetlinkRequest) {
		hops = nil
		// Kernels before 4.20 list all.
		req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: family, Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST}})
	}, func(m []byte) (bool, error) {
		attrs, err := routeAttrs(m)
		if err != nil {
			return false, err
		}
		header := nl.DeserializeRtMsg(m)
		switch {
		case header.Table != unix.RT_TABLE_MAIN, header.Type != unix.RTN_UNICAST, header.Flags&unix.RTM_F_CLONED != 0:
			return true, nil
		case header.Dst_len > 0:
			return family == unix.AF_INET6 || isZero(attrs[unix.RTA_DST]), nil
		}
		hops = append(hops, hopsOf(header, attrs)...)
		return true, nil
	})
	if errors.Is(err, unix.ENOENT) { // there has been no route in the table
		return nil, nil
	}
	return hops, err
}

// hopsOf returns the next hops of a route but for those whose interface is down
// (RTNH_F_DEAD).
func hopsOf(header *nl.RtMsg, attrs map[uint16][]byte) []hop {
	var metric uint32
	if value := attrs[unix.RTA_PRIORITY]; len(value) == 4 {
		metric = binary.NativeEndian.Uint32(value)
	}
	if value := attrs[unix.RTA_OIF]; len(value) == 4 && header.Flags&unix.RTNH_F_DEAD == 0 {
		return []hop{{int(binary.NativeEndian.Uint32(value)), metric, 0}}
	}
	var hops []hop
	for rest := attrs[unix.RTA_MULTIPATH]; len(rest) >= unix.SizeofRtNexthop; {
		// struct rtnexthop: length, flags, weight and interface
		length, flags, weight := int(binary.NativeEndian.Uint16(rest)), rest[2], rest[3]
		if flags&unix.RTNH_F_DEAD == 0 {
			hops = append(hops, hop{int(binary.NativeEndian.Uint32(rest[4:])), metric, uint32(weight)})
		}
		rest = rest[min(max(length, unix.SizeofRtNexthop), len(rest)):]
	}
	return hops
}
