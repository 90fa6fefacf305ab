package ptp

import (
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// The addresses of the host's end for container addresses that come without a
// gateway: link-local, so that every container may have the same.
var (
	linkLocalGateway4 = net.IPv4(169, 254, 1, 1)
	linkLocalGateway6 = net.IP{0: 0xfe, 1: 0x80, 15: 1}
)

// plan is what the two ends of the pair are to have.
type plan struct{ container, host ip.Config }

// newPlan makes, for each address of the result,
//
//	in the container: <address>, without the kernel's route to its subnet
//	                  <gateway>/32 dev eth0 scope link src <address>
//	                  <subnet> via <gateway> dev eth0 src <address>
//	on the host:      <gateway>/32
//	                  <address>/32 dev veth… scope host
//
// and in the container the result's own routes. What several addresses have in
// common stands there once.
func newPlan(result *current.Result) (*plan, error) {
	p := new(plan)
	ips := withGateways(result.IPs)
	for _, address := range ips {
		if isAddress(ips, address.Gateway) {
			return nil, plugin.Errorf(types.ErrInvalidNetworkConfig,
				"gateway %v is an address of the container, but the host's end needs it", address.Gateway)
		}
		p.addAddress(address)
	}
	gateway4, gateway6 := ip.FirstGateways(ips)
	for _, route := range ip.Routes(result.Routes, gateway4, gateway6) {
		p.addRoute(ip.OnLink(route, p.onHost))
	}
	for _, address := range ips {
		// The subnet of a /32 or /128 is the address itself.
		if ones, bits := address.Address.Mask.Size(); ones < bits {
			p.addRoute(netlink.Route{Dst: ip.Network(&address.Address), Gw: address.Gateway, Src: address.Address.IP})
		}
	}
	return p, nil
}

// isAddress reports whether one of ips has the address.
func isAddress(ips []*current.IPConfig, address net.IP) bool {
	return slices.ContainsFunc(ips, func(c *current.IPConfig) bool { return c.Address.IP.Equal(address) })
}

// withGateways returns copies of ips with a gateway each.
func withGateways(ips []*current.IPConfig) []*current.IPConfig {
	all := make([]*current.IPConfig, len(ips))
	for i, address := range ips {
		all[i] = address.Copy()
		switch {
		case ip.HasGateway(address):
		case address.Address.IP.To4() != nil:
			all[i].Gateway = linkLocalGateway4
		default:
			all[i].Gateway = linkLocalGateway6
		}
	}
	return all
}

// addAddress leaves duplicate address detection out: the link has two ends, both of
// them ours.
func (p *plan) addAddress(address *current.IPConfig) {
	local := ip.HostNet(address.Address.IP)
	p.container.Addrs = append(p.container.Addrs, netlink.Addr{
		IPNet: &address.Address, Flags: unix.IFA_F_NOPREFIXROUTE | ip.NoDetection(local.IP),
	})
	p.host.Routes = append(p.host.Routes, netlink.Route{Dst: local, Scope: netlink.SCOPE_HOST})

	gateway := ip.HostNet(address.Gateway)
	p.addRoute(netlink.Route{Dst: gateway, Scope: netlink.SCOPE_LINK, Src: local.IP})
	onHost := netlink.Addr{IPNet: gateway, Flags: ip.NoDetection(gateway.IP)}
	if gateway.IP.IsLinkLocalUnicast() {
		onHost.Scope = unix.RT_SCOPE_LINK
	}
	if !slices.ContainsFunc(p.host.Addrs, onHost.Equal) {
		p.host.Addrs = append(p.host.Addrs, onHost)
	}
}

// addRoute adds a route in the container unless there is one to its destination.
func (p *plan) addRoute(route netlink.Route) {
	same := func(r netlink.Route) bool { return ip.SameDestination(r, route) }
	if !slices.ContainsFunc(p.container.Routes, same) {
		p.container.Routes = append(p.container.Routes, route)
	}
}

// onHost reports whether the host's end has the address. Other next hops have to
// be marked as on the link: there is no route to the subnet.
func (p *plan) onHost(address net.IP) bool {
	return slices.ContainsFunc(p.host.Addrs, func(a netlink.Addr) bool { return a.IP.Equal(address) })
}

// withLinkLocal gives the host's end of an IPv6 network a link-local address:
// without one the kernel cannot ask for the hardware address of whom it forwards
// packets to. The one that it would choose itself would have to wait for
// duplicate address detection, and slows the deletion of the link down: see
// link.Namespace.SkipLinkLocal. CHECK does not look for it, as earlier releases
// left the choice to the kernel.
func withLinkLocal(host ip.Config) ip.Config {
	if !host.HasIPv6() {
		return host
	}
	linkLocal := netlink.Addr{IPNet: ip.HostNet(linkLocalGateway6), Flags: unix.IFA_F_NODAD, Scope: unix.RT_SCOPE_LINK}
	if !slices.ContainsFunc(host.Addrs, linkLocal.Equal) {
		host.Addrs = append(slices.Clone(host.Addrs), linkLocal)
	}
	return host
}
