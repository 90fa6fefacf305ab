package bridge

import (
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// plan is what the container's interface is to have, and the addresses of the
// host in its network.
type plan struct {
	container ip.Config
	gateways  []netlink.Addr
}

// complete adds gateways and default routes to a result, where the
// configuration asks for them and the IPAM plugin has none.
func (c *Conf) complete(result *current.Result) error {
	if !c.IsGateway {
		return nil
	}
	for _, address := range result.IPs {
		if !ip.HasGateway(address) {
			address.Gateway = ip.NextIP(ip.Network(&address.Address).IP)
		}
		isGateway := func(other *current.IPConfig) bool { return other.Address.IP.Equal(address.Gateway) }
		if slices.ContainsFunc(result.IPs, isGateway) {
			return plugin.Errorf(types.ErrInvalidNetworkConfig, "gateway %v is an address of the container, but the bridge needs it", address.Gateway)
		}
		if c.DisableIPv6 && c.VLAN == 0 && address.Gateway.To4() == nil {
			return plugin.Errorf(types.ErrInvalidNetworkConfig, "bridge %q cannot have address %v, as disableIPv6 is set", c.Bridge, address.Gateway)
		}
	}
	if !c.IsDefaultGateway {
		return nil
	}
	gateway4, gateway6 := ip.FirstGateways(result.IPs)
	for _, gateway := range []net.IP{gateway4, gateway6} {
		if gateway != nil && !hasDefault(result.Routes, gateway) {
			result.Routes = append(result.Routes, &types.Route{Dst: *ip.Everywhere(gateway), GW: gateway, Priority: c.DefaultRoute.Metric()})
		}
	}
	return nil
}

// hasDefault reports whether there is a default route of the gateway's family, of
// whatever metric: one that is to stand back stands back. One that names no gateway
// goes through the same one.
func hasDefault(routes []*types.Route, gateway net.IP) bool {
	all := ip.Everywhere(gateway)
	return slices.ContainsFunc(routes, func(r *types.Route) bool {
		return r.Dst.String() == all.String() && (r.Table == nil || ip.IsMainTable(*r.Table))
	})
}

// newPlan reads a complete result.
func (c *Conf) newPlan(result *current.Result) plan {
	p := plan{container: c.setUp().Config(result)}
	if c.IsGateway {
		p.addGateways(result.IPs, true)
		p.addGateways(result.IPs, false)
	}
	return p
}

// addGateways adds the gateways of one family. Nobody else is asked whether he
// has the address, as the bridge is to answer the first packet.
func (p *plan) addGateways(ips []*current.IPConfig, v4 bool) {
	for _, address := range ips {
		if (address.Gateway.To4() != nil) != v4 {
			continue
		}
		gateway := netlink.Addr{
			IPNet: &net.IPNet{IP: address.Gateway, Mask: address.Address.Mask},
			Flags: ip.NoDetection(address.Gateway),
		}
		if !slices.ContainsFunc(p.gateways, func(g netlink.Addr) bool { return ip.SameNet(g.IPNet, gateway.IPNet) }) {
			p.gateways = append(p.gateways, gateway)
		}
	}
}
