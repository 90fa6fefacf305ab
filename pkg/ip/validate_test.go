package ip_test

import (
	"net"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ip"
)

func TestValidateExpectedInterfaceIPs(t *testing.T) {
	tests := []struct {
		name, ifName string
		ips          []*current.IPConfig
		want         string // the beginning of the error, "" for none
	}{
		{"nothing", "eth0", nil, ""},
		{"all", "eth0", []*current.IPConfig{
			ipConfig(t, "192.0.2.1/24", "192.0.2.254"),
			ipConfig(t, "2001:db8::1/64", "2001:db8::fe"),
		}, ""},
		{"its whole prefix", "eth0", []*current.IPConfig{
			ipConfig(t, "198.51.100.1/32", ""),
			ipConfig(t, "2001:db8:1::1/128", ""),
		}, ""},
		{"no such link", "eth1", []*current.IPConfig{ipConfig(t, "192.0.2.1/24", "")},
			"Cannot find container link eth1"},
		{"another address", "eth0", []*current.IPConfig{ipConfig(t, "192.0.2.2/24", "")},
			"Failed to match addr "},
		{"another prefix length", "eth0", []*current.IPConfig{ipConfig(t, "192.0.2.1/25", "")},
			"Failed to match addr "},
		{"another link's", "peer", []*current.IPConfig{ipConfig(t, "192.0.2.1/24", "")},
			"Failed to match addr "},
		{"no route", "eth0", []*current.IPConfig{ipConfig(t, "203.0.113.1/24", "203.0.113.254")},
			"Failed to find Gateway 203.0.113.254 for interface eth0"},
	}
	inside(t, func() {
		l := addVeth(t, "eth0", "peer")
		for _, addr := range []string{"192.0.2.1/24", "2001:db8::1/64", "198.51.100.1/32", "2001:db8:1::1/128", "203.0.113.1/24"} {
			addAddr(t, l, addr)
		}
		must(t, netlink.RouteDel(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(t, "203.0.113.0/24"), Scope: netlink.SCOPE_LINK}))
		for _, test := range tests {
			err := ip.ValidateExpectedInterfaceIPs(test.ifName, test.ips)
			wantBeginning(t, test.name, err, test.want)
		}
	})
}

func TestValidateExpectedRoute(t *testing.T) {
	route := func(dst, gw string) *types.Route {
		_, network, err := net.ParseCIDR(dst)
		must(t, err)
		return &types.Route{Dst: *network, GW: net.ParseIP(gw)}
	}
	inTable := func(r *types.Route, table int) *types.Route {
		r.Table = &table
		return r
	}
	tests := []struct {
		name   string
		routes []*types.Route
		want   string // the beginning of the error, "" for none
	}{
		{"nothing", nil, ""},
		{"all", []*types.Route{
			route("198.51.100.0/24", "192.0.2.254"),
			route("198.51.100.0/24", ""),
			route("2001:db8:1::/64", "2001:db8::fe"),
			route("192.0.2.0/24", ""),
			route("0.0.0.0/0", "192.0.2.254"),
		}, ""},
		{"of several next hops", []*types.Route{
			route("203.0.113.0/24", "192.0.2.253"),
			route("203.0.113.0/24", "192.0.2.254"),
		}, ""},
		{"the gateway of a default route is not compared", []*types.Route{route("0.0.0.0/0", "192.0.2.1")}, ""},
		{"another table", []*types.Route{inTable(route("198.51.100.128/25", "192.0.2.254"), 1000)}, ""},
		{"only in another table", []*types.Route{route("198.51.100.128/25", "192.0.2.254")},
			"Expected Route "},
		{"no default route of the family", []*types.Route{route("::/0", "2001:db8::fe")},
			"Expected Route "},
		{"another gateway", []*types.Route{route("198.51.100.0/24", "192.0.2.253")},
			"Expected Route "},
		{"another prefix length", []*types.Route{route("198.51.100.0/25", "")},
			"Expected Route "},
		{"not a destination", []*types.Route{{}},
			"Invalid static route found "},
		{"only one is missing", []*types.Route{
			route("192.0.2.0/24", ""), route("10.0.0.0/8", ""), route("198.51.100.0/24", ""),
		}, "Expected Route {Dst:{IP:10.0.0.0 Mask:ff000000} "},
	}
	inside(t, func() {
		l := addVeth(t, "eth0", "peer")
		addAddr(t, l, "192.0.2.1/24")
		addAddr(t, l, "2001:db8::1/64")
		index, gw := l.Attrs().Index, net.ParseIP("192.0.2.254")
		must(t, ip.AddRoute(ipNet(t, "198.51.100.0/24"), gw, l))
		must(t, ip.AddRoute(ipNet(t, "2001:db8:1::/64"), net.ParseIP("2001:db8::fe"), l))
		must(t, ip.AddDefaultRoute(gw, l))
		must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: index, Dst: ipNet(t, "198.51.100.128/25"), Gw: gw, Table: 1000}))
		must(t, netlink.RouteAdd(&netlink.Route{Dst: ipNet(t, "203.0.113.0/24"), MultiPath: []*netlink.NexthopInfo{
			{LinkIndex: index, Gw: gw}, {LinkIndex: index, Gw: net.ParseIP("192.0.2.253")},
		}}))
		for _, test := range tests {
			err := ip.ValidateExpectedRoute(test.routes)
			wantBeginning(t, test.name, err, test.want)
			if err != nil && strings.HasPrefix(err.Error(), "Expected Route ") && !strings.HasSuffix(err.Error(), " not found in routing table") {
				t.Errorf("%s: error %v", test.name, err)
			}
		}
	})
}

// wantBeginning compares the beginning of an error's text; "" stands for none.
func wantBeginning(t *testing.T, name string, err error, want string) {
	t.Helper()
	switch {
	case err == nil && want == "":
	case err != nil && want != "" && strings.HasPrefix(err.Error(), want):
	default:
		t.Errorf("%s: error %v, want %q", name, err, want)
	}
}
