package bandwidth

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// lastPriority is that of the filter which the kernel asks last.
const lastPriority = 0xffff

// filter is one of the plugin's: what is to happen to packets of which kind.
type filter struct {
	// network is that of the packets, at one end, or "" for all.
	network string
	end     end
	// class is where they go, or the mark of a filter that has none.
	class uint32
	// device is the index of that which they are redirected to, or 0.
	device int
}

// filters returns those of a scope: its networks go one way, and all else, if that is to, another
// one.
func (s scope) filters(networks, others filter) []filter {
	var all []filter
	for _, n := range s.networks {
		networks.network, networks.end = n.String(), s.end
		all = append(all, networks)
	}
	if others != (filter{}) {
		all = append(all, others)
	}
	return all
}

// add adds filters to those that a qdisc has, behind all: filters of others may be there to
// drop something. One for all packets is the last one.
func add(n *link.Namespace, l netlink.Link, parent uint32, filters []filter) error {
	have, err := filtersOf(n, l, parent)
	if err != nil {
		return err
	}
	priorities := map[uint16]uint16{}
	priority := uint16(lastPriority)
	for _, protocol := range []uint16{unix.ETH_P_ALL, unix.ETH_P_IPV6, unix.ETH_P_IP} { // each has a priority of its own
		if !slices.ContainsFunc(filters, func(f filter) bool { return f.protocol() == protocol }) {
			continue
		}
		for slices.ContainsFunc(have, func(f netlink.Filter) bool { return f.Attrs().Priority == priority }) {
			priority--
		}
		priorities[protocol] = priority
		priority--
	}
	for _, f := range filters {
		attrs := netlink.FilterAttrs{LinkIndex: l.Attrs().Index, Parent: parent, Priority: priorities[f.protocol()], Protocol: f.protocol()}
		if err := n.FilterAdd(f.u32(attrs)); err != nil {
			return fmt.Errorf("add filter to %q: %w", l.Attrs().Name, err)
		}
	}
	return nil
}

func filtersOf(n *link.Namespace, l netlink.Link, parent uint32) ([]netlink.Filter, error) {
	filters, err := n.FilterList(l, parent)
	if err != nil {
		return nil, fmt.Errorf("list filters of %q: %w", l.Attrs().Name, err)
	}
	return filters, nil
}

// parse returns the network, nil for all.
func (f filter) parse() *net.IPNet {
	_, network, _ := net.ParseCIDR(f.network)
	return network
}

func (f filter) protocol() uint16 {
	network := f.parse()
	switch {
	case network == nil:
		return unix.ETH_P_ALL
	case len(network.IP) == net.IPv4len:
		return unix.ETH_P_IP
	}
	return unix.ETH_P_IPV6
}

// offsets returns where the headers of a protocol have the addresses of both ends.
func offsets(protocol uint16) map[end]int32 {
	switch protocol {
	case unix.ETH_P_IP:
		return map[end]int32{source: 12, destination: 16}
	case unix.ETH_P_IPV6:
		return map[end]int32{source: 8, destination: 24}
	}
	return nil
}

func (f filter) u32(attrs netlink.FilterAttrs) *netlink.U32 {
	u32 := &netlink.U32{FilterAttrs: attrs, ClassId: f.class}
	if network := f.parse(); network != nil {
		u32.Sel = &netlink.TcU32Sel{Flags: netlink.TC_U32_TERMINAL}
		for i := 0; i < len(network.IP) && (i == 0 || network.Mask[i] != 0); i += 4 {
			u32.Sel.Keys = append(u32.Sel.Keys, netlink.TcU32Key{
				Mask: binary.BigEndian.Uint32(network.Mask[i:]),
				Val:  binary.BigEndian.Uint32(network.IP[i:]),
				Off:  offsets(attrs.Protocol)[f.end] + int32(i),
			})
		}
	}
	if f.device != 0 {
		u32.Actions = []netlink.Action{netlink.NewMirredAction(f.device)}
	}
	return u32
}

// read returns the filter that u32 made, or one that is alike. ok is false for others.
func read(f netlink.Filter) (have filter, ok bool) {
	u32, ok := f.(*netlink.U32)
	if !ok || u32.Sel == nil {
		return filter{}, false
	}
	have.class = u32.ClassId
	redirects := false
	for _, action := range u32.Actions {
		if mirred, is := action.(*netlink.MirredAction); is && mirred.MirredAction == netlink.TCA_EGRESS_REDIR {
			have.device, redirects = mirred.Ifindex, true
		}
	}
	if u32.Protocol == unix.ETH_P_ALL {
		have.class = 0 // upstream's has one, of a qdisc that has none
		masked := slices.ContainsFunc(u32.Sel.Keys, func(k netlink.TcU32Key) bool { return k.Mask != 0 })
		return have, redirects && !masked
	}
	for e, offset := range offsets(u32.Protocol) {
		if network := networkAt(offset, u32); network != nil {
			have.network, have.end = network.String(), e
		}
	}
	return have, have.network != ""
}

// ours returns those of the filters that are like ours, and are something.
func ours(filters []netlink.Filter, is func(filter) bool) []filter {
	var found []filter
	for _, f := range filters {
		if have, ok := read(f); ok && is(have) {
			found = append(found, have)
		}
	}
	return found
}

// networkAt returns the network that the addresses at an offset of headers must be in, nil if that
// is not what a filter asks for.
func networkAt(offset int32, u32 *netlink.U32) *net.IPNet {
	size := map[uint16]int{unix.ETH_P_IP: net.IPv4len, unix.ETH_P_IPV6: net.IPv6len}[u32.Protocol]
	ip, ones := make(net.IP, size), 0
	for i, key := range u32.Sel.Keys {
		if key.Off != offset+4*int32(i) || 4*i >= size {
			return nil
		}
		binary.BigEndian.PutUint32(ip[4*i:], key.Val)
		ones += bits.OnesCount32(key.Mask)
	}
	return &net.IPNet{IP: ip, Mask: net.CIDRMask(ones, 8*size)}
}

// compare returns an error if filters are others than wanted, in whatever order.
func compare(l netlink.Link, have, want []filter) error {
	sorted := func(all []filter) []filter {
		return slices.Compact(slices.SortedFunc(slices.Values(all), func(a, b filter) int {
			return cmp.Or(cmp.Compare(a.network, b.network), cmp.Compare(a.end, b.end), cmp.Compare(a.class, b.class), cmp.Compare(a.device, b.device))
		}))
	}
	if slices.Equal(sorted(have), sorted(want)) {
		return nil
	}
	return fmt.Errorf("interface %s has filters for others than the subnets of the configuration", l.Attrs().Name)
}
