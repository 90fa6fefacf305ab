// Package check compares what the kernel has with what a CHECK expects, as
// data, and reports all differences at once, those that may be on purpose marked for
// package verdict.
package check

import (
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/check/verdict"
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
	// Config has the addresses and routes. Others beside them do not matter unless
	// Alone says that nobody else is to give the interface any.
	ip.Config
	Alone bool
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
		errs = append(errs, e.difference(what, have, want))
	}
	tuned := func(what string, have, want any) {
		errs = append(errs, verdict.Tuned(e.difference(what, have, want)))
	}
	attrs := l.Attrs()
	if e.Kind != "" && l.Type() != e.Kind {
		differs("kind", l.Type(), e.Kind)
	}
	if e.MAC != "" && !sameMAC(attrs.HardwareAddr, e.MAC) {
		differs("MAC address", attrs.HardwareAddr, e.MAC)
	}
	if e.MTU != 0 && attrs.MTU != e.MTU {
		tuned("MTU", attrs.MTU, e.MTU)
	}
	if peer := link.PeerIndex(l); e.Peer != 0 && peer != e.Peer {
		differs("peer", peer, e.Peer)
	}
	if e.Master != nil && !e.Master.Lower.Is(link.LowerOf(l)) {
		errs = append(errs, fmt.Errorf("interface %s is not on master %s", e.Name, e.Master.Name))
	}
	if e.TxQueues != 0 && attrs.NumTxQueues != e.TxQueues {
		tuned("transmit queues", attrs.NumTxQueues, e.TxQueues)
	}
	if e.RxQueues != 0 && attrs.NumRxQueues != e.RxQueues {
		tuned("receive queues", attrs.NumRxQueues, e.RxQueues)
	}
	if e.Promiscuous && attrs.RawFlags&unix.IFF_PROMISC == 0 {
		errs = append(errs, verdict.Tuned(fmt.Errorf("interface %s is not promiscuous", e.Name)))
	}
	if bridge, ok := l.(*netlink.Bridge); ok && e.VLANFiltering && (bridge.VlanFiltering == nil || !*bridge.VlanFiltering) {
		errs = append(errs, fmt.Errorf("bridge %s does not filter VLANs", e.Name))
	}
	if !e.Down && attrs.Flags&net.FlagUp == 0 {
		errs = append(errs, fmt.Errorf("interface %s is down", e.Name))
	}
	return errs
}

func (e Expect) difference(what string, have, want any) error {
	return fmt.Errorf("interface %s has %s %v, expected %v", e.Name, what, have, want)
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
		i := slices.IndexFunc(have, func(addr netlink.Addr) bool { return ip.SameNet(addr.IPNet, want.IPNet) })
		switch {
		case i < 0:
			errs = append(errs, fmt.Errorf("interface %s lacks address %v", e.Name, want.IPNet))
		case have[i].Flags&unix.IFA_F_DADFAILED != 0:
			errs = append(errs, fmt.Errorf("address %v of interface %s is in use elsewhere on the link", want.IPNet, e.Name))
		}
	}
	if e.Alone {
		errs = append(errs, e.furtherAddrs(have)...)
	}
	return errs, nil
}

// furtherAddrs are those that somebody has added: neither the kernel nor a router.
func (e Expect) furtherAddrs(have []netlink.Addr) []error {
	var errs []error
	for _, addr := range have {
		expected := slices.ContainsFunc(e.Addrs, func(want netlink.Addr) bool { return ip.SameNet(want.IPNet, addr.IPNet) })
		if !expected && addr.Flags&unix.IFA_F_PERMANENT != 0 && addr.Scope == unix.RT_SCOPE_UNIVERSE {
			errs = append(errs, verdict.Tuned(fmt.Errorf("interface %s has address %v, too", e.Name, addr.IPNet)))
		}
	}
	return errs
}
