package daemon

import (
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp4"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/dhcp6"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// resultVersion is the oldest in which a result has this form, so that clients of
// earlier versions know it.
const resultVersion = "1.0.0"

// result is what a record means for the runtime.
func result(conf *config.IPAM, r *store.Record) *current.Result {
	out := &current.Result{CNIVersion: resultVersion}
	if r.V4 != nil {
		addV4(out, conf, r.V4)
	}
	if r.V6 != nil {
		addV6(out, conf, r.V6)
	}
	if r.RA != nil {
		addRA(out, conf, r.RA)
	}
	if mtu := leasedMTU(conf, r); mtu > 0 {
		out.Interfaces = []*current.Interface{{Name: r.IfName, Mac: r.MAC, Mtu: mtu, Sandbox: r.Netns}}
		for _, route := range out.Routes {
			route.MTU = mtu
		}
	}
	return out
}

// leasedMTU is the MTU that the configuration lets the server choose, or 0.
func leasedMTU(conf *config.IPAM, r *store.Record) int {
	if !conf.MTU || r.V4 == nil {
		return 0
	}
	return r.V4.MTU
}

func addV4(out *current.Result, conf *config.IPAM, lease *dhcp4.Lease) {
	address := &current.IPConfig{Address: ipNet(lease.Address)}
	if lease.Gateway.IsValid() {
		address.Gateway = lease.Gateway.AsSlice()
	}
	out.IPs = append(out.IPs, address)
	for _, r := range lease.Routes {
		route := &types.Route{Dst: ipNet(r.Dst), GW: r.Gateway.AsSlice(), Priority: conf.Priority}
		if r.Gateway.IsUnspecified() {
			scope := unix.RT_SCOPE_LINK
			route.Scope = &scope
		}
		out.Routes = append(out.Routes, route)
	}
	if conf.DNS {
		out.DNS.Domain = lease.Domain
	}
	addDNS(out, conf, lease.DNS, lease.Search)
}

// addV6 adds addresses that are alone on their link as far as DHCPv6 knows: what
// else is there, and what is beyond, routers advertise.
func addV6(out *current.Result, conf *config.IPAM, lease *dhcp6.Lease) {
	for _, a := range lease.Addresses {
		out.IPs = append(out.IPs, &current.IPConfig{Address: ipNet(netip.PrefixFrom(a.IP, a.IP.BitLen()))})
	}
	addDNS(out, conf, lease.DNS, lease.Search)
}

func addRA(out *current.Result, conf *config.IPAM, a *dhcp6.Advertisement) {
	router := net.IP(a.Router.AsSlice())
	for _, address := range a.Addresses {
		out.IPs = append(out.IPs, &current.IPConfig{Address: ipNet(address.Prefix), Gateway: router})
	}
	all := netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	out.Routes = append(out.Routes, &types.Route{Dst: ipNet(all), GW: router, Priority: conf.Priority})
	addDNS(out, conf, a.DNS, a.Search)
}

// addDNS adds what is not there yet.
func addDNS(out *current.Result, conf *config.IPAM, servers []netip.Addr, search []string) {
	if !conf.DNS {
		return
	}
	out.DNS.Nameservers = merge(out.DNS.Nameservers, texts(servers))
	out.DNS.Search = merge(out.DNS.Search, search)
}

func merge(have, more []string) []string {
	for _, text := range more {
		if !slices.Contains(have, text) {
			have = append(have, text)
		}
	}
	return have
}

func texts(addrs []netip.Addr) []string {
	var out []string
	for _, addr := range addrs {
		out = append(out, addr.String())
	}
	return out
}

func ipNet(p netip.Prefix) net.IPNet {
	return net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
