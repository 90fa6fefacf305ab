package integration

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// itsNetwork is a shell command that gives nic-c what it takes along, and what it does
// not: addresses of the link or with an end, routes of the kernel, rules about others.
const itsNetwork = `ip link set nic-c addrgenmode none
	sysctl -qw net.ipv6.conf.nic-c.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.default.addr_gen_mode=1
	ip netns exec c sysctl -qw net.ipv6.conf.default.addr_gen_mode=1
	ip -batch - <<-END
		address add 10.7.0.1 peer 10.7.0.2 dev nic-c
		address add 10.6.0.1/32 dev nic-c scope link
		address add fd00:9::1/64 dev nic-c nodad
		address add fd00:a::1/64 dev nic-c nodad valid_lft 3000 preferred_lft 3000
		route add default via 10.9.0.7 proto dhcp metric 50
		route add 10.5.0.0/16 dev nic-c table 7 src 10.9.0.1
		route add default via 10.9.0.7 table 7 mtu 1300
		route add default via 10.77.0.1 dev nic-c onlink table 8
		route add 10.4.0.0/16 via 10.7.0.2
		route add fd00:5::/64 dev nic-c table 7
		route add ::/0 via fd00:9::7 dev nic-c table 7
		rule add from 10.9.0.1 lookup 7 priority 100
		rule add from 10.9.0.0/16 iif nic-c fwmark 0x5/0xf lookup 8 priority 101
		rule add from 10.9.0.1 lookup 9 priority 103
		rule add from 10.99.0.1 lookup 7 priority 104
		rule add lookup 7 priority 105
	END
	ip -6 rule add from fd00:9::/64 lookup 7 priority 102`

// itsNetworkInside is what routing prints of that in the container.
const itsNetworkInside = `from 10.9.0.1 lookup 7
from 10.9.0.0/16 fwmark 0x5/0xf iif eth0 lookup 8
default via 10.9.0.7 dev eth0 table 7 mtu 1300
10.5.0.0/16 dev eth0 table 7 scope link src 10.9.0.1
default via 10.77.0.1 dev eth0 table 8 onlink
default via 10.9.0.7 dev eth0 proto dhcp metric 50
10.4.0.0/16 via 10.7.0.2 dev eth0
10.7.0.2 dev eth0 proto kernel scope link src 10.7.0.1
10.8.0.0/24 via 10.9.0.7 dev eth0
10.9.0.0/24 dev eth0 proto kernel scope link src 10.9.0.1
from fd00:9::/64 lookup 7
fd00:5::/64 dev eth0 table 7 metric 1024
default via fd00:9::7 dev eth0 table 7 metric 1024
fd00:9::/64 dev eth0 proto kernel metric 256`

// takes are the keys with which a device takes its network along.
const takes = byName + `, "useInterfaceNetwork": true`

func newTaking(t *testing.T) lendable {
	t.Helper()
	n := newLendable(t)
	n.Exec(t, "sh", "-ec", itsNetwork)
	return n
}

// restored is unchanged but for what the kernel makes of IPv6 addresses some time after
// they came.
func (n lendable) restored(t *testing.T, before hoststate.State, when string) {
	t.Helper()
	soon := regexp.MustCompile(`^host routes: table 255 fd00:`)
	if diff := hoststate.Diff(before, n.State(t, n.container), node.Lasting(), firstQdisc(), soon); diff != "" {
		t.Errorf("%s:\n%s", when, diff)
	}
}

// The device has in the container what it had on the host, works with it, and has it all
// on the host again.
func TestHostDeviceTakesItsNetwork(t *testing.T) {
	t.Parallel()
	const address, route = "\n10.1.2.0/24 dev eth0 proto kernel scope link src 10.1.2.3", "\n10.3.0.0/16 via 10.1.2.1 dev eth0"
	for name, test := range map[string]struct{ keys, ips, more string }{
		"alone":        {ips: "10.9.0.1/24 10.7.0.1/32 fd00:9::1/64"},
		"no addresses": {keys: `, "ipam": {"type": "static"}`, ips: "10.9.0.1/24 10.7.0.1/32 fd00:9::1/64"},
		"IPAM": {
			keys: `, "ipam": {"type": "static", "addresses": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}], "routes": [{"dst": "10.3.0.0/16"}]}`,
			ips:  "10.1.2.3/24 10.9.0.1/24 10.7.0.1/32 fd00:9::1/64", more: address + route,
		},
	} {
		for _, version := range []string{"1.0.0", latest} {
			t.Run(name+" "+version, func(t *testing.T) {
				t.Parallel()
				n := newTaking(t)
				before := n.State(t, n.container)
				// Routers tell of theirs again.
				n.Exec(t, "ip", "route", "add", "fd00:4::/64", "via", "fd00:9::7", "proto", "ra")
				call := n.call(takes+test.keys).With("cniVersion", fmt.Appendf(nil, "%q", version))
				out := n.Must(t, "ADD", call)
				if diff := cmp.Diff(sorted(itsNetworkInside+test.more), sorted(routing(t, n.container))); diff != "" {
					t.Errorf("inside (-want +got):\n%s", diff)
				}
				var result current.Result
				if err := json.Unmarshal(out, &result); err != nil {
					t.Fatal(err)
				}
				var ips []string
				for _, ip := range result.IPs {
					ips = append(ips, ip.Address.String())
					if ip.Interface == nil || *ip.Interface != 0 {
						t.Errorf("%v is not the interface's", ip)
					}
				}
				if got := strings.Join(ips, " "); got != test.ips {
					t.Errorf("addresses %s, want %s", got, test.ips)
				}
				n.Must(t, "CHECK", call.With("prevResult", out).With("strictCheck", []byte("true")))
				n.Exec(t, "sh", "-ec", "ip address add 10.9.0.7/24 dev peer-nic-c; ip address add 10.8.0.5/32 dev lo")
				if !reaches(t, n.container, "10.8.0.5") {
					t.Error("what is behind the gateway does not answer")
				}
				n.Exec(t, "sh", "-ec", "ip address del 10.9.0.7/24 dev peer-nic-c; ip address del 10.8.0.5/32 dev lo")
				for range 2 {
					n.Must(t, "DEL", call)
					n.restored(t, before, "after DEL")
				}
			})
		}
	}
}

// The result has the routes with what CNI can tell of them.
func TestHostDeviceReportsItsNetwork(t *testing.T) {
	t.Parallel()
	n := newLendable(t)
	n.Exec(t, "ip", "route", "add", "10.5.0.0/16", "dev", "nic-c", "table", "7", "metric", "5")
	var result struct{ Routes []json.RawMessage }
	if err := json.Unmarshal(n.Must(t, "ADD", n.call(takes)), &result); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, route := range result.Routes {
		got[strings.Join(strings.Fields(string(route)), "")] = true
	}
	want := map[string]bool{
		`{"dst":"10.5.0.0/16","priority":5,"scope":253,"table":7}`: true,
		`{"dst":"10.8.0.0/24","gw":"10.9.0.7","table":254}`:        true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// CHECK misses each part.
func TestHostDeviceChecksItsNetwork(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		"ip address del fd00:9::1/64 dev eth0":  "lacks address fd00:9::1/64",
		"ip route del default table 7":          "lacks route default via 10.9.0.7 table 7",
		"ip rule del priority 100":              "from 10.9.0.1/32 to all table 7",
		"ip -6 rule del priority 102":           "from fd00:9::/64 to all table 7",
		"ip route del 10.4.0.0/16 via 10.7.0.2": "lacks route 10.4.0.0/16 via 10.7.0.2",
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			n := newTaking(t)
			call := n.call(takes)
			call = call.With("prevResult", n.Must(t, "ADD", call))
			n.Must(t, "CHECK", call)
			n.container.Exec(t, "sh", "-ec", change)
			wantDifference(t, n.Node, call, want)
		})
	}
}

// Rules that the container has already stay, and an ADD that fails gives all back.
func TestHostDeviceNetworkUndo(t *testing.T) {
	t.Parallel()
	n := newTaking(t)
	n.container.Exec(t, "ip", "rule", "add", "from", "10.9.0.1", "lookup", "7", "priority", "100")
	before := n.State(t, n.container)
	failing := n.call(takes + `, "ipam": {"type": "static", "addresses": [{"address": "10.1.2.3/24"}], "routes": [{"dst": "10.3.0.0/16", "gw": "10.1.2.255"}]}`)
	if err := n.Run(t, "ADD", failing).Err(); !node.IsError(err) {
		t.Fatalf("ADD: %v", err)
	}
	n.restored(t, before, "after the failure")
	n.Must(t, "ADD", n.call(takes))
	n.Must(t, "DEL", n.call(takes))
	n.restored(t, before, "after DEL")
	dpdk := n.call(takes + `, "dpdkMode": true`)
	if err := n.Run(t, "ADD", dpdk).Err(); err == nil || err.Error() != "useInterfaceNetwork is not supported for dpdk-bound devices" {
		t.Errorf("with DPDK: %v", err)
	}
	n.restored(t, before, "with DPDK")
}
