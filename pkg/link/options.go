package link

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
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

// NoPromisc is the option of a macvlan that SetNoPromisc turns on.
const NoPromisc = "nopromisc"

// macvlanNoPromisc is MACVLAN_FLAG_NOPROMISC (linux/if_link.h).
const macvlanNoPromisc = 1

// Options returns the options of an interface that is on another one, by the
// words of ip-link(8). It has only those that l says something about.
func Options(l netlink.Link) map[string]string {
	options := make(map[string]string)
	switch l := l.(type) {
	case *netlink.Macvlan:
		options["mode"] = MacvlanModes[l.Mode]
		if l.BCQueueLen != 0 {
			options["bcqueuelen"] = fmt.Sprint(l.BCQueueLen)
		}
		if l.Mode == netlink.MACVLAN_MODE_SOURCE {
			options["macaddr"] = macList(l)
		}
	case *netlink.IPVlan:
		options["mode"], options["flag"] = IPVLANModes[l.Mode], IPVLANFlags[l.Flag]
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

// macList writes the sources of a macvlan down, in order.
func macList(l *netlink.Macvlan) string {
	addrs := make([]string, len(l.MACAddrs))
	for i, addr := range l.MACAddrs {
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

// Options returns the options of an interface of n, including those that the
// netlink package does not read.
func (n *Namespace) Options(l netlink.Link) (map[string]string, error) {
	options := Options(l)
	if l.Type() != "macvlan" {
		return options, nil
	}
	settings, err := n.settings(l, unix.IFLA_LINKINFO, nl.IFLA_INFO_DATA)
	if err != nil {
		return nil, err
	}
	options[NoPromisc] = "off"
	for _, s := range settings {
		if s.Attr.Type == nl.IFLA_MACVLAN_FLAGS && len(s.Value) >= 2 && binary.NativeEndian.Uint16(s.Value)&macvlanNoPromisc != 0 {
			options[NoPromisc] = "on"
		}
	}
	return options, nil
}

// SetNoPromisc keeps a macvlan in mode passthru from making the interface below
// take all frames.
func (n *Namespace) SetNoPromisc(l netlink.Link) error {
	req, err := n.request(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	if err != nil {
		return err
	}
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(l.Attrs().Index)
	req.AddData(msg)
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("macvlan"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.IFLA_MACVLAN_FLAGS, nl.Uint16Attr(macvlanNoPromisc))
	req.AddData(info)
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("set nopromisc of %q: %w", l.Attrs().Name, err)
	}
	return nil
}
