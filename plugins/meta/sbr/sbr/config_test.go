package sbr

import (
	"encoding/json"
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/routing"
)

func TestConf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                                    "",
		`{"table": 5000}`:                       "",
		`{"Table": 1}`:                          "",
		`{"table": 4294967295}`:                 "",
		`{"table": 0}`:                          "table 0 is not between 1 and 4294967295",
		`{"table": -1}`:                         "table -1 is not between 1 and 4294967295",
		`{"table": 4294967296}`:                 "table 4294967296 is not between 1 and 4294967295",
		`{"gateways": []}`:                      "",
		`{"gateways": ["10.0.0.1"]}`:            "",
		`{"gateways": ["10.0.0.1", "fd00::1"]}`: "",
		`{"gateways": ["10.0.0.1", "fd00::1", "fd00::2"]}`:                         "gateways list cannot contain more than 2 entries (one IPv4, one IPv6)",
		`{"gateways": ["zz"]}`:                                                     "invalid static gateway IP address: zz",
		`{"gateways": ["fe80::1%eth0"]}`:                                           "invalid static gateway IP address: fe80::1%eth0",
		`{"gateways": ["10.0.0.1", "::ffff:10.0.0.2"]}`:                            "gateways list contains multiple IPv4 addresses: 10.0.0.1 and 10.0.0.2",
		`{"gateways": ["fd00::1", "fd00::2"]}`:                                     "gateways list contains multiple IPv6 addresses: fd00::1 and fd00::2",
		`{"table": 7, "gateways": ["10.0.0.1"]}`:                                   "",
		`{"table": 7, "gateways": ["zz"]}`:                                         "invalid static gateway IP address: zz",
		`{"subnetGateways": {"10.0.0.0/8": "10.0.0.1"}}`:                           "",
		`{"subnetGateways": {"10.0.0.0": "10.0.0.1"}}`:                             "invalid subnet of subnetGateways: 10.0.0.0",
		`{"subnetGateways": {"10.0.0.0/8": "x"}}`:                                  "invalid gateway of subnet 10.0.0.0/8: x",
		`{"subnetGateways": {"10.0.0.0/8": "fd00::1"}}`:                            "gateway fd00::1 of subnet 10.0.0.0/8 is of another family",
		`{"subnetGateways": {"10.0.0.0/8": "10.0.0.1", "10.1.0.0/8": "10.0.0.2"}}`: "subnet 10.0.0.0/8 has several gateways",
	} {
		var c Conf
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err == nil && want != "" || err != nil && err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestGateway(t *testing.T) {
	t.Parallel()
	c := Conf{
		Gateways: []string{"192.0.2.1"},
		SubnetGateways: map[string]string{
			"10.0.0.0/8": "10.0.0.1", "10.1.0.0/16": "10.1.0.1", "10.1.1.1/32": "10.1.1.9", "fd00::/8": "fd00::1",
		},
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"10.9.9.9": "10.0.0.1", "10.1.9.9": "10.1.0.1", "10.1.1.1": "10.1.1.9", "172.16.0.1": "192.0.2.1",
		"fd00::9": "fd00::1", "2001:db8::9": "<nil>",
	} {
		if got := c.gateway(netip.MustParseAddr(address)); got.String() != want {
			t.Errorf("%s: got %v, want %s", address, got, want)
		}
	}
}

// view has a route of each kind that an interface with index 2 can have.
func view(t testing.TB) routing.View {
	t.Helper()
	route := func(dst, gateway, src string) netlink.Route {
		_, network, err := net.ParseCIDR(dst)
		if err != nil {
			t.Fatal(err)
		}
		return netlink.Route{
			Dst: network, Gw: net.ParseIP(gateway), Src: net.ParseIP(src), LinkIndex: 2,
			Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST, Family: netlink.FAMILY_V4,
		}
	}
	shared := route("0.0.0.0/0", "", "")
	shared.LinkIndex = 0
	shared.MultiPath = []*netlink.NexthopInfo{{LinkIndex: 2, Gw: net.ParseIP("10.0.0.1")}, {LinkIndex: 3}, {LinkIndex: 2}}
	via := route("10.7.0.0/16", "", "")
	via.Via = &netlink.Via{AddrFamily: netlink.FAMILY_V6, Addr: net.ParseIP("fe80::1")}
	return routing.View{Routes: []netlink.Route{
		shared, via, route("10.0.0.0/24", "", "10.0.0.2"), route("192.0.2.0/24", "10.0.0.1", ""), route("0.0.0.0/0", "169.254.1.1", ""),
		route("fe80::/64", "", ""), route("::/0", "fe80::1", ""), route("2001:db8::/32", "fd00::1", "fd00::2"),
	}}
}

// Whatever somebody configures and plugins before return, it is no panic, each
// address gets a rule, and no table is used twice.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(`{"gateways": ["10.0.0.1"], "addSourceHints": true, "prevResult": {"ips": [{"version": "4", "address": "10.0.0.2/24"}, {"version": "6", "address": "fd00::2/64", "gateway": "fd00::1"}]}}`))
	f.Add([]byte(`{"table": 7, "prevResult": {"ips": [{"address": "10.0.0.2/0", "gateway": "fd00::1"}, {"address": "::ffff:10.0.0.3/128"}]}, "cniVersion": "1.0.0"}`))
	f.Add([]byte(`{"cniVersion": "1.0.0", "subnetGateways": {"::/0": "::"}, "prevResult": {"ips": [{"address": "::/0", "interface": -1}], "routes": [{"dst": "0.0.0.0/0", "gw": "::1"}, {"dst": "::/0"}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c Conf
		if json.Unmarshal(text, &c) != nil || c.Validate() != nil {
			return
		}
		result, err := plugin.PrevResult(text)
		if err != nil || result == nil {
			return
		}
		a := &chained.Attachment{Attachment: owner.Attachment{IfName: "eth0"}, Result: result}
		sources, err := sourcesOf(a)
		if err != nil {
			return
		}
		p := &plan{Conf: &c, index: 2, view: view(t), sources: sources, routes: result.Routes}
		change, err := p.make()
		if err != nil && c.Table != nil {
			return // it has room for one default route
		}
		if err != nil {
			t.Fatal(err)
		}
		tables := make(map[int]bool)
		for _, r := range change.Rules {
			tables[r.Table] = true
		}
		want := len(sources)
		if c.Table != nil {
			want = 1
		}
		if len(change.Rules) != len(sources) || len(tables) != want {
			t.Errorf("rules %v for %d addresses", change.Rules, len(sources))
		}
		for _, r := range change.Routes {
			if r.Table != unix.RT_TABLE_MAIN && !tables[r.Table] {
				t.Errorf("no rule leads to route %v", r)
			}
		}
		if _, err := json.Marshal(change); err != nil {
			t.Error(err)
		}
	})
}
