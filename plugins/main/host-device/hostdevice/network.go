package hostdevice

import (
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/loan"
	"github.com/containernetworking/plugins/pkg/owner"
)

// configureTaken gives the device the addresses and routes of the IPAM plugin, then
// those that it had on the host, which it adds to the result.
func (c *Conf) configureTaken(a *iface.Attachment) error {
	taken := c.inside(c.taken)
	config := c.withTaken(a.Result, taken)
	report(a.Result, taken)
	if err := (iface.SetUp{Detect: c.EnableDAD}).Apply(a, config); err != nil {
		return err
	}
	return c.taken.AddRules(a.Container)
}

// expectTaken is what the device has, by the record: a result has not all of it, least
// of all in versions before 1.1.0.
func (c *Conf) expectTaken(result *current.Result, taken *loan.Network) ip.Config {
	taken = c.inside(taken)
	others := *result
	others.Routes = slices.DeleteFunc(slices.Clone(result.Routes), func(r *types.Route) bool {
		return slices.ContainsFunc(taken.Routes, func(t netlink.Route) bool {
			return t.Dst.String() == r.Dst.String() && t.Gw.Equal(r.GW)
		})
	})
	return c.withTaken(&others, taken)
}

// inside returns what the device has in the container of what it had on the host.
func (c *Conf) inside(taken *loan.Network) *loan.Network {
	has := *taken
	has.Routes = c.DefaultRoute.Taken(taken.Routes)
	return &has
}

// withTaken returns what a result says, and what the device had on the host.
func (c *Conf) withTaken(result *current.Result, taken *loan.Network) ip.Config {
	config := iface.SetUp{Detect: c.EnableDAD}.Config(result)
	for _, addr := range taken.Addrs {
		if !c.EnableDAD {
			addr.Flags = ip.NoDetection(addr.IP)
		}
		if !slices.ContainsFunc(config.Addrs, func(other netlink.Addr) bool { return ip.SameNet(other.IPNet, addr.IPNet) }) {
			config.Addrs = append(config.Addrs, addr)
		}
	}
	for _, route := range inOrder(taken.Routes) {
		same := func(other netlink.Route) bool {
			return ip.SameDestination(other, route) && other.Gw.Equal(route.Gw)
		}
		if !slices.ContainsFunc(config.Routes, same) {
			config.Routes = append(config.Routes, ip.OnLink(route, func(hop net.IP) bool { return isReachable(hop, config) }))
		}
	}
	return config
}

// Taken returns the addresses that the device has brought along.
func (c *Conf) Taken(a owner.Attachment) ([]netlink.Addr, error) {
	loans, err := loan.To(a)
	if err != nil || len(loans) == 0 || loans[0].Network == nil {
		return nil, err
	}
	return loans[0].Network.Addrs, nil
}

// inOrder puts routes of narrow scope first: by them the kernel finds the gateways of
// others. IPv6 has no scopes.
func inOrder(routes []netlink.Route) []netlink.Route {
	return slices.SortedStableFunc(slices.Values(routes), func(a, b netlink.Route) int {
		if (a.Gw == nil) != (b.Gw == nil) {
			return len(a.Gw) - len(b.Gw)
		}
		return int(b.Scope) - int(a.Scope)
	})
}

// isReachable reports whether an address, or a route without gateway, leads to a hop.
func isReachable(hop net.IP, config ip.Config) bool {
	return slices.ContainsFunc(config.Addrs, func(a netlink.Addr) bool {
		return a.Contains(hop) || a.Peer != nil && a.Peer.Contains(hop)
	}) || slices.ContainsFunc(config.Routes, func(r netlink.Route) bool {
		return r.Gw == nil && !ip.IsIPNetZero(r.Dst) && r.Dst.Contains(hop)
	})
}

// report adds to the result what the device has taken along.
func report(result *current.Result, taken *loan.Network) {
	for _, addr := range taken.Addrs {
		result.IPs = append(result.IPs, &current.IPConfig{Interface: current.Int(0), Address: *addr.IPNet})
	}
	for _, r := range taken.Routes {
		route := &types.Route{
			Dst: *r.Dst, GW: r.Gw, MTU: r.MTU, AdvMSS: r.AdvMSS, Priority: r.Priority, Table: current.Int(r.Table),
		}
		if r.Scope != netlink.SCOPE_UNIVERSE {
			route.Scope = current.Int(int(r.Scope))
		}
		result.Routes = append(result.Routes, route)
	}
}
