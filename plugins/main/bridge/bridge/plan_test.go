package bridge

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ip"
)

// describe writes a plan and the routes of the result down, a line each.
func describe(p plan, result *current.Result) string {
	var text strings.Builder
	for _, addr := range p.container.Addrs {
		fmt.Fprintln(&text, "container", addr.IPNet, flag("nodad", addr.Flags&unix.IFA_F_NODAD))
	}
	for _, route := range p.container.Routes {
		fmt.Fprintln(&text, "container", ip.RouteText(route), flag("onlink", route.Flags&unix.RTNH_F_ONLINK))
	}
	for _, addr := range p.gateways {
		fmt.Fprintln(&text, "bridge", addr.IPNet, flag("nodad", addr.Flags&unix.IFA_F_NODAD))
	}
	for _, route := range result.Routes {
		fmt.Fprintln(&text, "result", route.Dst.String(), route.GW, flag(fmt.Sprint("metric ", route.Priority), route.Priority))
	}
	return strings.ReplaceAll(text.String(), " \n", "\n")
}

func flag(name string, set int) string {
	if set == 0 {
		return ""
	}
	return name
}

func TestPlan(t *testing.T) {
	const dual = `"ips": [{"address": "10.1.2.3/24"}, {"address": "fd00:1:2::3/64", "gateway": "fd00:1:2::99"}]`
	for _, test := range []struct{ name, conf, result, want string }{
		{"no gateway", ``, dual, `
container 10.1.2.3/24
container fd00:1:2::3/64 nodad
`},
		{"detection", `, "enabledad": true`, dual, `
container 10.1.2.3/24
container fd00:1:2::3/64
`},
		{"gateway", `, "isGateway": true`, dual, `
container 10.1.2.3/24
container fd00:1:2::3/64 nodad
bridge 10.1.2.1/24
bridge fd00:1:2::99/64 nodad
`},
		{"default gateway", `, "isDefaultGateway": true`, dual, `
container 10.1.2.3/24
container fd00:1:2::3/64 nodad
container default via 10.1.2.1
container default via fd00:1:2::99
bridge 10.1.2.1/24
bridge fd00:1:2::99/64 nodad
result 0.0.0.0/0 10.1.2.1
result ::/0 fd00:1:2::99
`},
		{"gateway of the other family", `, "isDefaultGateway": true`, `"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.9"}, {"address": "fd00:1:2::3/64", "gateway": "10.1.2.9"}]`, `
container 10.1.2.3/24
container fd00:1:2::3/64 nodad
container default via 10.1.2.9
container default via fd00:1:2::1
bridge 10.1.2.9/24
bridge fd00:1:2::1/64 nodad
result 0.0.0.0/0 10.1.2.9
result ::/0 fd00:1:2::1
`},
		{"default route without gateway", `, "isDefaultGateway": true`, `"ips": [{"address": "10.1.2.3/24"}], "routes": [{"dst": "0.0.0.0/0"}]`, `
container 10.1.2.3/24
container default via 10.1.2.1
bridge 10.1.2.1/24
result 0.0.0.0/0 <nil>
`},
		{"default route with gateway", `, "isDefaultGateway": true`, `"ips": [{"address": "10.1.2.3/24"}], "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.9"}]`, `
container 10.1.2.3/24
container default via 10.1.2.9
bridge 10.1.2.1/24
result 0.0.0.0/0 10.1.2.9
`},
		{"default route with a metric", `, "isDefaultGateway": true`, `"ips": [{"address": "10.1.2.3/24"}], "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.9", "priority": 100}]`, `
container 10.1.2.3/24
container default via 10.1.2.9 metric 100
bridge 10.1.2.1/24
result 0.0.0.0/0 10.1.2.9 metric 100
`},
		{"default route of the main table", `, "isDefaultGateway": true`, `"ips": [{"address": "10.1.2.3/24"}], "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.9", "table": 254}]`, `
container 10.1.2.3/24
container default via 10.1.2.9 table 254
bridge 10.1.2.1/24
result 0.0.0.0/0 10.1.2.9
`},
		{"default route of another table", `, "isDefaultGateway": true`, `"ips": [{"address": "10.1.2.3/24"}], "routes": [{"dst": "0.0.0.0/0", "table": 7}]`, `
container 10.1.2.3/24
container default via 10.1.2.1 table 7
container default via 10.1.2.1
bridge 10.1.2.1/24
result 0.0.0.0/0 <nil>
result 0.0.0.0/0 10.1.2.1
`},
		{"metric", `, "isDefaultGateway": true, "defaultRoute": {"metric": 200}`, `"ips": [{"address": "10.1.2.3/24"}, {"address": "fd00::3/64"}], "routes": [{"dst": "::/0", "priority": 200}]`, `
container 10.1.2.3/24
container fd00::3/64 nodad
container default via fd00::1 metric 200
container default via 10.1.2.1 metric 200
bridge 10.1.2.1/24
bridge fd00::1/64 nodad
result ::/0 <nil> metric 200
result 0.0.0.0/0 10.1.2.1 metric 200
`},
		{"several", `, "isDefaultGateway": true`, `"ips": [{"address": "fd00::3/64"}, {"address": "10.1.2.3/24"}, {"address": "10.1.3.3/24"}, {"address": "10.1.3.4/24"}]`, `
container fd00::3/64 nodad
container 10.1.2.3/24
container 10.1.3.3/24
container 10.1.3.4/24
container default via 10.1.2.1
container default via fd00::1
bridge 10.1.2.1/24
bridge 10.1.3.1/24
bridge fd00::1/64 nodad
result 0.0.0.0/0 10.1.2.1
result ::/0 fd00::1
`},
		{"single address", `, "isDefaultGateway": true`, `"ips": [{"address": "10.9.9.9/32"}]`, `
container 10.9.9.9/32
container default via 10.9.9.10 onlink
bridge 10.9.9.10/32
result 0.0.0.0/0 10.9.9.10
`},
		{"link-local gateway of IPv4", `, "isDefaultGateway": true`, `"ips": [{"address": "10.9.9.9/32", "gateway": "169.254.1.1"}]`, `
container 10.9.9.9/32
container default via 169.254.1.1 onlink
bridge 169.254.1.1/32
result 0.0.0.0/0 169.254.1.1
`},
		{"link-local gateway", ``, `"ips": [{"address": "fd00::3/64", "gateway": "fe80::1"}], "routes": [{"dst": "::/0"}]`, `
container fd00::3/64 nodad
container default via fe80::1
result ::/0 <nil>
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := new(current.Result)
			if err := json.Unmarshal([]byte(`{"cniVersion": "1.1.0", `+test.result+`}`), result); err != nil {
				t.Fatal(err)
			}
			c := valid(t, test.conf)
			for range 2 { // CHECK completes the result once more
				if err := c.complete(result); err != nil {
					t.Fatal(err)
				}
			}
			got := describe(c.newPlan(result), result)
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestImpossibleGateways(t *testing.T) {
	for _, test := range []struct{ conf, address, want string }{
		{`, "isGateway": true`, "10.1.2.1/24", "gateway 10.1.2.1 is an address of the container, but the bridge needs it"},
		{`, "isGateway": true, "disableIPv6": true`, "fd00::3/64", `bridge "cni0" cannot have address fd00::1, as disableIPv6 is set`},
	} {
		ip, network, err := net.ParseCIDR(test.address)
		if err != nil {
			t.Fatal(err)
		}
		result := &current.Result{IPs: []*current.IPConfig{{Address: net.IPNet{IP: ip, Mask: network.Mask}}}}
		if err := valid(t, test.conf).complete(result); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}
