package check

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
)

// withoutMoved leaves those routes out that a plugin further down the chain, sbr or
// vrf, has moved from the main table to another one. There it may have given them
// other gateways.
func withoutMoved(n *link.Namespace, l netlink.Link, missing, have []netlink.Route) ([]netlink.Route, error) {
	if len(missing) == 0 {
		return nil, nil
	}
	tables, err := movedTo(n, l)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(missing, func(want netlink.Route) bool {
		return ip.TableOf(want) == unix.RT_TABLE_MAIN && slices.ContainsFunc(have, func(r netlink.Route) bool {
			return slices.Contains(tables, r.Table) && ip.FamilyOf(r) == ip.FamilyOf(want) && ip.SameNet(r.Dst, want.Dst)
		})
	}), nil
}

// movedTo returns the table of the interface's VRF, and those that rules for what
// comes from its addresses lead to.
func movedTo(n *link.Namespace, l netlink.Link) ([]int, error) {
	var tables []int
	if vrf, ok := l.Attrs().Slave.(*netlink.VrfSlave); ok {
		tables = append(tables, int(vrf.Table))
	}
	rules, err := n.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list rules: %w", err)
	}
	networks, err := n.Networks(l)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		for _, address := range networks {
			if r.Src != nil && ip.SameNet(r.Src, ip.HostNet(address.IP)) {
				tables = append(tables, r.Table)
			}
		}
	}
	return tables, nil
}
