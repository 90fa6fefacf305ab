// Package check compares what the kernel has with what a CHECK expects, as
// data, and reports all differences at once.
package check

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Expect is an interface as ADD left it. Fields that are zero are not compared.
type Expect struct {
	// Name of the interface.
	Name string
	// Kind of the interface, "veth".
	Kind string
	// MAC is the hardware address, in any notation that net.ParseMAC reads.
	MAC string
	// MTU in bytes.
	MTU int
	// Peer is the index of the interface's other end, in that end's namespace.
	Peer int
	// Master is the interface below one that is on another.
	Master *Master
	// Options are those of link.Options that matter.
	Options map[string]string
	// TxQueues and RxQueues are the numbers of queues.
	TxQueues, RxQueues int
	// Down means that the interface need not be up.
	Down bool
	// Promiscuous means that somebody has set it so, other than by listening.
	Promiscuous bool
	// VLANFiltering means that it is a bridge that separates VLANs.
	VLANFiltering bool
	// Port says that the interface is a port of a bridge.
	Port *Port
	// Config has the addresses and routes; others beside them do not matter.
	ip.Config
}

// Compare looks the interface up in n and returns one error for all that
// differs from e, or nil.
func (e Expect) Compare(n *link.Namespace) error {
	l, err := n.LinkByName(e.Name)
	if link.IsNotFound(err) {
		return fmt.Errorf("interface %s is missing", e.Name)
	}
	if err != nil {
		return fmt.Errorf("look %q up: %w", e.Name, err)
	}
	errs := e.compareLink(l)
	if e.Port != nil {
		errs = append(errs, e.Port.compare(n, l)...)
	}
	if len(e.Options) > 0 {
		errs = append(errs, e.compareOptions(n, l)...)
	}
	addrs, err := e.compareAddrs(n, l)
	errs = append(append(errs, addrs...), err)
	routes, err := e.compareRoutes(n, l)
	errs = append(append(errs, routes...), err)
	return plugin.Join(errs...)
}

func (e Expect) compareLink(l netlink.Link) []error {
	var errs []error
	differs := func(what string, have, want any) {
		errs = append(errs, fmt.Errorf("interface %s has %s %v, expected %v", e.Name, what, have, want))
	}
	attrs := l.Attrs()
	if e.Kind != "" && l.Type() != e.Kind {
		differs("kind", l.Type(), e.Kind)
	}
	if e.MAC != "" && !sameMAC(attrs.HardwareAddr, e.MAC) {
		differs("MAC address", attrs.HardwareAddr, e.MAC)
	}
	if e.MTU != 0 && attrs.MTU != e.MTU {
		differs("MTU", attrs.MTU, e.MTU)
	}
	if peer := link.PeerIndex(l); e.Peer != 0 && peer != e.Peer {
		differs("peer", peer, e.Peer)
	}
	if e.Master != nil && link.LowerOf(l) != e.Master.Lower {
		errs = append(errs, fmt.Errorf("interface %s is not on master %s", e.Name, e.Master.Name))
	}
	if e.TxQueues != 0 && attrs.NumTxQueues != e.TxQueues {
		differs("transmit queues", attrs.NumTxQueues, e.TxQueues)
	}
	if e.RxQueues != 0 && attrs.NumRxQueues != e.RxQueues {
		differs("receive queues", attrs.NumRxQueues, e.RxQueues)
	}
	if e.Promiscuous && attrs.RawFlags&unix.IFF_PROMISC == 0 {
		errs = append(errs, fmt.Errorf("interface %s is not promiscuous", e.Name))
	}
	if bridge, ok := l.(*netlink.Bridge); ok && e.VLANFiltering && (bridge.VlanFiltering == nil || !*bridge.VlanFiltering) {
		errs = append(errs, fmt.Errorf("bridge %s does not filter VLANs", e.Name))
	}
	if !e.Down && attrs.Flags&net.FlagUp == 0 {
		errs = append(errs, fmt.Errorf("interface %s is down", e.Name))
	}
	return errs
}

func sameMAC(have net.HardwareAddr, want string) bool {
	mac, err := net.ParseMAC(want)
	return err == nil && have.String() == mac.String()
}

func (e Expect) compareAddrs(n *link.Namespace, l netlink.Link) ([]error, error) {
	if len(e.Addrs) == 0 {
		return nil, nil
	}
	have, err := n.Addrs(l)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, want := range e.Addrs {
		found := false
		for _, addr := range have {
			if ip.SameNet(addr.IPNet, want.IPNet) {
				found = true
				if addr.Flags&unix.IFA_F_DADFAILED != 0 {
					errs = append(errs, fmt.Errorf("address %v of interface %s is in use elsewhere on the link", want.IPNet, e.Name))
				}
			}
		}
		if !found {
			errs = append(errs, fmt.Errorf("interface %s lacks address %v", e.Name, want.IPNet))
		}
	}
	return errs, nil
}

func (e Expect) compareRoutes(n *link.Namespace, l netlink.Link) ([]error, error) {
	index := l.Attrs().Index
	e.Routes = slices.DeleteFunc(slices.Clone(e.Routes), func(want netlink.Route) bool { return isUsed(n, want, index) })
	have, err := e.listRoutes(n, l)
	if err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(e.Routes, func(want netlink.Route) bool { return hasRoute(have, want, index) })
	if missing, err = withoutMoved(n, l, missing, have); err != nil {
		return nil, err
	}
	var errs []error
	for _, r := range missing {
		errs = append(errs, fmt.Errorf("interface %s lacks route %s", e.Name, ip.RouteText(r)))
	}
	return errs, nil
}

// isUsed reports whether the kernel sends packets to a single address by the route.
// Where it does, the list is not needed, for which the kernel walks through all routes
// of a host. Where it does not, rules may lead past the route.
func isUsed(n *link.Namespace, want netlink.Route, index int) bool {
	if ones, bits := want.Dst.Mask.Size(); ones < bits {
		return false
	}
	// The route itself, not what became of it (4.13).
	used, err := n.RouteGetWithOptions(want.Dst.IP, &netlink.RouteGetOptions{FIBMatch: true})
	return err == nil && hasRoute(used, want, index)
}

// listRoutes returns the interface's routes in all tables, of the families that
// are expected.
func (e Expect) listRoutes(n *link.Namespace, l netlink.Link) ([]netlink.Route, error) {
	// Kernels since 4.20 then leave out the routes of other interfaces
	// themselves. Not for longer: the library's other requests are not strict.
	_ = n.SetStrictCheck(true)
	defer func() { _ = n.SetStrictCheck(false) }()
	var all []netlink.Route
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		if !slices.ContainsFunc(e.Routes, func(r netlink.Route) bool { return familyOf(r) == family }) {
			continue
		}
		// The mask says no more than that tables other than main count:
		// routes with several next hops have no interface of their own, by
		// which the library could tell them.
		have, err := n.RouteListFiltered(family, &netlink.Route{LinkIndex: l.Attrs().Index}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return nil, fmt.Errorf("list routes of %q: %w", e.Name, err)
		}
		all = append(all, have...)
	}
	return all, nil
}

func familyOf(r netlink.Route) int {
	if r.Dst.IP.To4() != nil {
		return netlink.FAMILY_V4
	}
	return netlink.FAMILY_V6
}

// hasRoute looks for a route with the destination, table, metrics and next hops
// of want.
func hasRoute(have []netlink.Route, want netlink.Route, index int) bool {
	for _, r := range have {
		if ip.SameNet(r.Dst, want.Dst) && r.Table == ip.TableOf(want) && sameMetrics(r, want) && hops(r, index) == hops(want, index) {
			return true
		}
	}
	return false
}

// sameMetrics compares the priority and what want limits. IPv6 routes get
// priority 1024 by default (IP6_RT_PRIO_USER).
func sameMetrics(have, want netlink.Route) bool {
	return (have.Priority == want.Priority || want.Priority == 0 && have.Priority == 1024) &&
		(want.MTU == 0 || have.MTU == want.MTU) &&
		(want.AdvMSS == 0 || have.AdvMSS == want.AdvMSS)
}

// hops writes the next hops of a route down in a form to compare: those through
// the interface only, as a route that somebody extended still serves it.
func hops(r netlink.Route, index int) string {
	if len(r.MultiPath) == 0 {
		if r.LinkIndex != 0 && r.LinkIndex != index {
			return "elsewhere"
		}
		return r.Gw.String()
	}
	var gateways []string
	for _, hop := range r.MultiPath {
		if hop.LinkIndex == 0 || hop.LinkIndex == index {
			gateways = append(gateways, hop.Gw.String())
		}
	}
	return strings.Join(gateways, " ")
}
