package loan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
)

// Network is what a device takes along of the host's network, beyond itself.
type Network struct {
	// Addrs are those of global scope; of IPv6 such as nobody gave for a while.
	Addrs []netlink.Addr `json:"addrs,omitempty"`
	// Routes lead through the device alone, in any table but that of local addresses.
	Routes []netlink.Route `json:"routes,omitempty"`
	// Rules lead from the addresses to the tables of the routes. The host keeps them,
	// too: it may have other devices whose addresses they are about.
	Rules []netlink.Rule `json:"rules,omitempty"`
	// Namespace is the cookie of the container's.
	Namespace uint64 `json:"namespace"`
}

// TakeNetwork notes down, before the loan begins, what the device takes along. When it
// comes back, routes of daemons come back with the others.
func (l *Loan) TakeNetwork(host, container *link.Namespace, device netlink.Link) error {
	n := new(Network)
	for _, take := range []func() error{
		func() (err error) { n.Namespace, err = container.Cookie(); return },
		func() error { return n.takeAddrs(host, device) },
		func() error { return n.takeRoutes(host, device) },
		func() error { return n.takeRules(host, container, device.Attrs().Name, l.IfName) },
		func() error { return l.Device.KeepRoutes(host, device) },
	} {
		if err := take(); err != nil {
			return err
		}
	}
	l.Network = n
	return nil
}

func (n *Network) takeAddrs(host *link.Namespace, device netlink.Link) error {
	addrs, err := host.Addrs(device)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if a.Scope == unix.RT_SCOPE_UNIVERSE && (a.IP.To4() != nil || a.Flags&unix.IFA_F_PERMANENT != 0) {
			n.Addrs = append(n.Addrs, netlink.Addr{IPNet: a.IPNet, Peer: a.Peer, Broadcast: a.Broadcast})
		}
	}
	return nil
}

func (n *Network) takeRoutes(host *link.Namespace, device netlink.Link) error {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := host.Routes(device, family)
		if err != nil {
			return err
		}
		for _, r := range routes {
			if r.LinkIndex == device.Attrs().Index && isTaken(r) {
				// The other flags say what became of it.
				r.LinkIndex, r.Flags = 0, r.Flags&unix.RTNH_F_ONLINK
				n.Routes = append(n.Routes, r)
			}
		}
	}
	return nil
}

// isTaken leaves out what the kernel makes by itself in the container, and the forms of
// next hops that a result of CNI has no words for.
func isTaken(r netlink.Route) bool {
	switch {
	case r.Table == unix.RT_TABLE_LOCAL || r.Type != unix.RTN_UNICAST:
		return false
	case r.Protocol <= unix.RTPROT_KERNEL || r.Protocol == unix.RTPROT_RA:
		return false
	case r.Family == netlink.FAMILY_V6 && r.Dst.IP.IsLinkLocalUnicast():
		return false
	}
	return len(r.MultiPath) == 0 && r.Via == nil && r.Encap == nil && r.NewDst == nil
}

// takeRules leaves out those that the container has already, which stay when the device
// goes.
func (n *Network) takeRules(host, container *link.Namespace, deviceName, ifName string) error {
	rules, err := host.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list rules: %w", err)
	}
	there, err := container.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list rules of the container: %w", err)
	}
	for _, r := range rules {
		if !n.isAbout(r) {
			continue
		}
		for _, name := range []*string{&r.IifName, &r.OifName} {
			if *name == deviceName {
				*name = ifName
			}
		}
		if !isAmong(there, r) {
			n.Rules = append(n.Rules, r)
		}
	}
	return nil
}

func (n *Network) isAbout(r netlink.Rule) bool {
	return r.Src != nil && !r.Invert &&
		slices.ContainsFunc(n.Addrs, func(a netlink.Addr) bool { return r.Src.Contains(a.IP) }) &&
		slices.ContainsFunc(n.Routes, func(route netlink.Route) bool {
			return route.Table == r.Table && route.Family == r.Family
		})
}

// isAmong compares rules in the form in which a record has them.
func isAmong(rules []netlink.Rule, r netlink.Rule) bool {
	text, _ := json.Marshal(r)
	return slices.ContainsFunc(rules, func(other netlink.Rule) bool {
		otherText, _ := json.Marshal(other)
		return bytes.Equal(text, otherText)
	})
}

// AddRules adds the rules in the container.
func (n *Network) AddRules(container *link.Namespace) error {
	for _, r := range n.Rules {
		if err := container.RuleAdd(&r); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add rule %v: %w", r, err)
		}
	}
	return nil
}

// MissingRules returns an error for each rule that the container lacks.
func (n *Network) MissingRules(container *link.Namespace) []error {
	there, err := container.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return []error{fmt.Errorf("list rules: %w", err)}
	}
	var errs []error
	for _, r := range n.Rules {
		if !isAmong(there, r) {
			errs = append(errs, fmt.Errorf("rule %v is missing", r))
		}
	}
	return errs
}

// dropRules deletes the rules in the container, whose path may be that of another one by
// now.
func (n *Network) dropRules(container *link.Namespace) error {
	if n == nil || len(n.Rules) == 0 {
		return nil
	}
	if cookie, err := container.Cookie(); err != nil || cookie != n.Namespace {
		return err
	}
	for _, r := range n.Rules {
		if err := container.RuleDel(&r); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("delete rule %v: %w", r, err)
		}
	}
	return nil
}
