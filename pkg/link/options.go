package link

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// The names that ip-link(8) has for the modes and flags of macvlan and ipvlan,
// each at the place of its number in package netlink.
var (
	MacvlanModes = [...]string{
		netlink.MACVLAN_MODE_PRIVATE: "private", netlink.MACVLAN_MODE_VEPA: "vepa", netlink.MACVLAN_MODE_BRIDGE: "bridge",
		netlink.MACVLAN_MODE_PASSTHRU: "passthru", netlink.MACVLAN_MODE_SOURCE: "source",
	}
	IPVLANModes = [...]string{netlink.IPVLAN_MODE_L2: "l2", netlink.IPVLAN_MODE_L3: "l3", netlink.IPVLAN_MODE_L3S: "l3s"}
	IPVLANFlags = [...]string{netlink.IPVLAN_FLAG_BRIDGE: "bridge", netlink.IPVLAN_FLAG_PRIVATE: "private", netlink.IPVLAN_FLAG_VEPA: "vepa"}
)

// Options returns the options of an interface that is on another one, by the
// words of ip-link(8). It has only those that l says something about.
func Options(l netlink.Link) map[string]string {
	options := make(map[string]string)
	switch l := l.(type) {
	case *Macvlan:
		options["mode"] = nameOf(MacvlanModes[:], int(l.Mode))
		if l.BCQueueLen != 0 {
			options["bcqueuelen"] = fmt.Sprint(l.BCQueueLen)
		}
		if l.Mode == netlink.MACVLAN_MODE_SOURCE {
			options["macaddr"] = macList(l.MACAddrs)
		}
		if l.Mode == netlink.MACVLAN_MODE_PASSTHRU {
			options["nopromisc"] = onOff(l.NoPromisc)
		}
	case *netlink.IPVlan:
		options["mode"] = nameOf(IPVLANModes[:], int(l.Mode))
		options["flag"] = nameOf(IPVLANFlags[:], int(l.Flag))
	case *netlink.Tuntap:
		options["tap"], options["multi_queue"] = onOff(l.Mode == netlink.TUNTAP_MODE_TAP), onOff(l.Flags&netlink.TUNTAP_MULTI_QUEUE != 0)
		options["user"], options["group"] = fmt.Sprint(l.Owner), fmt.Sprint(l.Group)
	case *netlink.Vlan:
		options["id"], options["protocol"] = fmt.Sprint(l.VlanId), l.VlanProtocol.String()
		options["ingress-qos-map"], options["egress-qos-map"] = qosMap(l.IngressQosMap), qosMap(l.EgressQosMap)
	}
	return options
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// nameOf returns a name from its place. A kernel may know more than there are.
func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprint(i)
}

// macList writes hardware addresses down, in order.
func macList(list []net.HardwareAddr) string {
	addrs := make([]string, len(list))
	for i, addr := range list {
		addrs[i] = addr.String()
	}
	slices.Sort(addrs)
	return strings.Join(slices.Compact(addrs), " ")
}

// qosMap writes a map of priorities down, in order. The kernel does not tell what
// it maps to 0, which is also what it does with all others.
func qosMap(priorities map[uint32]uint32) string {
	var pairs []string
	for _, from := range slices.Sorted(maps.Keys(priorities)) {
		if to := priorities[from]; to != 0 {
			pairs = append(pairs, fmt.Sprintf("%d:%d", from, to))
		}
	}
	return strings.Join(pairs, " ")
}

// Options returns the options of an interface of n.
func (n *Namespace) Options(l netlink.Link) (map[string]string, error) {
	if plain, ok := l.(*netlink.Macvlan); ok {
		m, err := n.macvlan(plain)
		if err != nil {
			return nil, err
		}
		l = m
	}
	return Options(l), nil
}
