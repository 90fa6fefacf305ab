package ptp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// result reads what an IPAM plugin printed.
func result(t *testing.T, text string) *current.Result {
	t.Helper()
	r := new(current.Result)
	if err := json.Unmarshal([]byte(text), r); err != nil {
		t.Fatal(err)
	}
	return r
}

// describe writes one end down, an address or route a line, in the words of
// ip-address(8) and ip-route(8).
func describe(c ip.Config) string {
	var text strings.Builder
	for _, addr := range c.Addrs {
		fmt.Fprint(&text, addr.IPNet)
		word(&text, "scope link", addr.Scope == unix.RT_SCOPE_LINK)
		word(&text, "noprefixroute", addr.Flags&unix.IFA_F_NOPREFIXROUTE != 0)
		word(&text, "nodad", addr.Flags&unix.IFA_F_NODAD != 0)
		text.WriteByte('\n')
	}
	for _, route := range c.Routes {
		fmt.Fprint(&text, route.Dst)
		word(&text, fmt.Sprint("via ", route.Gw), route.Gw != nil)
		word(&text, "onlink", route.Flags&unix.RTNH_F_ONLINK != 0)
		for _, hop := range route.MultiPath {
			word(&text, fmt.Sprint("nexthop via ", hop.Gw), true)
			word(&text, "onlink", hop.Flags&unix.RTNH_F_ONLINK != 0)
		}
		word(&text, fmt.Sprint("src ", route.Src), route.Src != nil)
		word(&text, fmt.Sprint("scope ", route.Scope), route.Scope != netlink.SCOPE_UNIVERSE)
		word(&text, fmt.Sprint("metric ", route.Priority), route.Priority != 0)
		word(&text, fmt.Sprint("table ", route.Table), route.Table != 0)
		word(&text, fmt.Sprint("mtu ", route.MTU), route.MTU != 0)
		word(&text, fmt.Sprint("advmss ", route.AdvMSS), route.AdvMSS != 0)
		text.WriteByte('\n')
	}
	return text.String()
}

func word(text *strings.Builder, s string, applies bool) {
	if applies {
		text.WriteString(" " + s)
	}
}

func TestPlan(t *testing.T) {
	for _, test := range []struct{ name, result, container, host string }{
		{name: "no address", result: `{}`},
		{
			name:   "v4",
			result: `{"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}], "routes": [{"dst": "0.0.0.0/0"}]}`,
			container: `10.1.2.3/24 noprefixroute
10.1.2.1/32 src 10.1.2.3 scope link
0.0.0.0/0 via 10.1.2.1
10.1.2.0/24 via 10.1.2.1 src 10.1.2.3
`,
			host: `10.1.2.1/32
10.1.2.3/32 scope host
`,
		},
		{
			name: "v4 and v6",
			result: `{"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}, {"address": "fd00::3/66", "gateway": "fd00::1"}],
				"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "192.168.0.0/16"}]}`,
			container: `10.1.2.3/24 noprefixroute
fd00::3/66 noprefixroute nodad
10.1.2.1/32 src 10.1.2.3 scope link
fd00::1/128 src fd00::3 scope link
0.0.0.0/0 via 10.1.2.1
::/0 via fd00::1
192.168.0.0/16 via 10.1.2.1
10.1.2.0/24 via 10.1.2.1 src 10.1.2.3
fd00::/66 via fd00::1 src fd00::3
`,
			host: `10.1.2.1/32
fd00::1/128 nodad
10.1.2.3/32 scope host
fd00::3/128 scope host
`,
		},
		{
			name: "gateway of the other family",
			result: `{"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}, {"address": "fd00::3/66", "gateway": "10.1.2.1"}],
				"routes": [{"dst": "::/0"}]}`,
			container: `10.1.2.3/24 noprefixroute
fd00::3/66 noprefixroute nodad
10.1.2.1/32 src 10.1.2.3 scope link
fe80::1/128 src fd00::3 scope link
::/0 via fe80::1
10.1.2.0/24 via 10.1.2.1 src 10.1.2.3
fd00::/66 via fe80::1 src fd00::3
`,
			host: `10.1.2.1/32
fe80::1/128 scope link nodad
10.1.2.3/32 scope host
fd00::3/128 scope host
`,
		},
		{
			name: "single addresses",
			result: `{"ips": [{"address": "10.1.2.3/32", "gateway": "10.1.2.1"}, {"address": "fd00::3/128", "gateway": "fd00::1"}],
				"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}`,
			container: `10.1.2.3/32 noprefixroute
fd00::3/128 noprefixroute nodad
10.1.2.1/32 src 10.1.2.3 scope link
fd00::1/128 src fd00::3 scope link
0.0.0.0/0 via 10.1.2.1
::/0 via fd00::1
`,
			host: `10.1.2.1/32
fd00::1/128 nodad
10.1.2.3/32 scope host
fd00::3/128 scope host
`,
		},
		{
			name:   "v4 without gateway",
			result: `{"ips": [{"address": "10.1.2.3/32"}, {"address": "10.1.3.3/24"}], "routes": [{"dst": "0.0.0.0/0"}]}`,
			container: `10.1.2.3/32 noprefixroute
10.1.3.3/24 noprefixroute
169.254.1.1/32 src 10.1.2.3 scope link
0.0.0.0/0 via 169.254.1.1
10.1.3.0/24 via 169.254.1.1 src 10.1.3.3
`,
			host: `169.254.1.1/32 scope link
10.1.2.3/32 scope host
10.1.3.3/32 scope host
`,
		},
		{
			name:   "v6 without gateway",
			result: `{"ips": [{"address": "fd00::3/64"}], "routes": [{"dst": "::/0"}]}`,
			container: `fd00::3/64 noprefixroute nodad
fe80::1/128 src fd00::3 scope link
::/0 via fe80::1
fd00::/64 via fe80::1 src fd00::3
`,
			host: `fe80::1/128 scope link nodad
fd00::3/128 scope host
`,
		},
		{
			name:   "two addresses in one subnet",
			result: `{"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}, {"address": "10.1.2.4/24", "gateway": "10.1.2.1"}]}`,
			container: `10.1.2.3/24 noprefixroute
10.1.2.4/24 noprefixroute
10.1.2.1/32 src 10.1.2.3 scope link
10.1.2.0/24 via 10.1.2.1 src 10.1.2.3
`,
			host: `10.1.2.1/32
10.1.2.3/32 scope host
10.1.2.4/32 scope host
`,
		},
		{
			name:   "two gateways in one subnet",
			result: `{"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}, {"address": "10.1.2.4/24", "gateway": "10.1.2.2"}], "routes": [{"dst": "0.0.0.0/0"}]}`,
			container: `10.1.2.3/24 noprefixroute
10.1.2.4/24 noprefixroute
10.1.2.1/32 src 10.1.2.3 scope link
10.1.2.2/32 src 10.1.2.4 scope link
0.0.0.0/0 via 10.1.2.1
10.1.2.0/24 via 10.1.2.1 src 10.1.2.3
`,
			host: `10.1.2.1/32
10.1.2.2/32
10.1.2.3/32 scope host
10.1.2.4/32 scope host
`,
		},
		{
			name:   "two subnets behind one gateway",
			result: `{"ips": [{"address": "10.1.2.3/24", "gateway": "10.0.0.1"}, {"address": "10.1.3.3/24", "gateway": "10.0.0.1"}]}`,
			container: `10.1.2.3/24 noprefixroute
10.1.3.3/24 noprefixroute
10.0.0.1/32 src 10.1.2.3 scope link
10.1.2.0/24 via 10.0.0.1 src 10.1.2.3
10.1.3.0/24 via 10.0.0.1 src 10.1.3.3
`,
			host: `10.0.0.1/32
10.1.2.3/32 scope host
10.1.3.3/32 scope host
`,
		},
		{
			name: "routes to subnet and gateway",
			result: `{"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}],
				"routes": [{"dst": "10.1.2.0/24", "mtu": 1400}, {"dst": "10.1.2.1/32"}]}`,
			container: `10.1.2.3/24 noprefixroute
10.1.2.1/32 src 10.1.2.3 scope link
10.1.2.0/24 via 10.1.2.1 mtu 1400
`,
			host: `10.1.2.1/32
10.1.2.3/32 scope host
`,
		},
		{
			name: "next hops elsewhere",
			result: `{"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}, {"address": "fd00::3/64", "gateway": "fd00::1"}],
				"routes": [{"dst": "10.2.0.0/16", "gw": "10.1.2.7"}, {"dst": "10.3.0.0/16", "gw": "192.168.7.7"}, {"dst": "fd01::/64", "gw": "fe80::7"}]}`,
			container: `10.1.2.3/24 noprefixroute
fd00::3/64 noprefixroute nodad
10.1.2.1/32 src 10.1.2.3 scope link
fd00::1/128 src fd00::3 scope link
10.2.0.0/16 via 10.1.2.7 onlink
10.3.0.0/16 via 192.168.7.7 onlink
fd01::/64 via fe80::7
10.1.2.0/24 via 10.1.2.1 src 10.1.2.3
fd00::/64 via fd00::1 src fd00::3
`,
			host: `10.1.2.1/32
fd00::1/128 nodad
10.1.2.3/32 scope host
fd00::3/128 scope host
`,
		},
		{
			name: "attributes of routes",
			result: `{"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}],
				"routes": [{"dst": "0.0.0.0/0", "priority": 5}, {"dst": "0.0.0.0/0", "priority": 9, "gw": "10.1.2.7"},
					{"dst": "10.1.2.0/24", "table": 7}, {"dst": "10.4.0.0/16", "mtu": 1400, "advmss": 1300, "scope": 200}]}`,
			container: `10.1.2.3/24 noprefixroute
10.1.2.1/32 src 10.1.2.3 scope link
0.0.0.0/0 via 10.1.2.1 metric 5
0.0.0.0/0 via 10.1.2.7 onlink metric 9
10.1.2.0/24 via 10.1.2.1 table 7
10.4.0.0/16 via 10.1.2.1 scope site mtu 1400 advmss 1300
10.1.2.0/24 via 10.1.2.1 src 10.1.2.3
`,
			host: `10.1.2.1/32
10.1.2.3/32 scope host
`,
		},
		{
			name: "default route with two next hops",
			result: `{"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}],
				"routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.1"}, {"dst": "0.0.0.0/0", "gw": "10.1.2.2"}, {"dst": "0.0.0.0/0", "gw": "10.1.2.1"}]}`,
			container: `10.1.2.3/24 noprefixroute
10.1.2.1/32 src 10.1.2.3 scope link
0.0.0.0/0 nexthop via 10.1.2.1 nexthop via 10.1.2.2 onlink
10.1.2.0/24 via 10.1.2.1 src 10.1.2.3
`,
			host: `10.1.2.1/32
10.1.2.3/32 scope host
`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := result(t, test.result)
			p, err := newPlan(r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.container, describe(p.container)); diff != "" {
				t.Errorf("container:\n%s", diff)
			}
			if diff := cmp.Diff(test.host, describe(p.host)); diff != "" {
				t.Errorf("host:\n%s", diff)
			}
			if diff := cmp.Diff(result(t, test.result), r); diff != "" {
				t.Errorf("the result itself changed:\n%s", diff)
			}
		})
	}
}

func TestGatewayOfItsOwn(t *testing.T) {
	for _, test := range []struct{ name, result, gateway string }{
		{"own", `{"ips": [{"address": "10.1.2.1/24", "gateway": "10.1.2.1"}]}`, "10.1.2.1"},
		{"v6", `{"ips": [{"address": "fd00::2/64", "gateway": "fd00::1"}, {"address": "fd00::3/64", "gateway": "fd00::3"}]}`, "fd00::3"},
		{"another's", `{"ips": [{"address": "10.1.2.2/24", "gateway": "10.1.2.3"}, {"address": "10.1.2.3/24", "gateway": "10.1.2.1"}]}`, "10.1.2.3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newPlan(result(t, test.result))
			want := "gateway " + test.gateway + " is an address of the container, but the host's end needs it"
			if err == nil || err.Error() != want || plugin.Code(err) != types.ErrInvalidNetworkConfig {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}
