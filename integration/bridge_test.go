package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

const (
	bridgeV4 = `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}]]}`
	bridgeV6 = `"ipam": {"type": "host-local", "ranges": [[{"subnet": "fd00:1:2::/64"}]]}`
	bridged  = `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00:1:2::/64"}]]}`
	gateway  = `"isDefaultGateway": true, `
)

// bridgeCall is a call for a network of the given keys, in a container of the
// given name.
func bridgeCall(c *node.Container, keys string) node.Call {
	return node.Call{
		Plugin:      "bridge",
		Config:      `{"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0", "removeEmptyBridge": true, ` + keys + `}`,
		ContainerID: filepath.Base(c.Path), Netns: c.Path, IfName: "eth0",
	}
}

// needsVLANs skips the test where a bridge cannot tell VLANs apart.
func needsVLANs(t *testing.T, n *node.Node) {
	t.Helper()
	n.Exec(t, "sh", "-ec", "ip link add probe type bridge vlan_filtering 1 2>/dev/null || touch /run/lacking; ip link del probe 2>/dev/null || true")
	if n.Exec(t, "sh", "-c", "ls /run") != "netns\n" {
		t.Skip("kernel lacks bridge VLAN filtering")
	}
}

// reaches sends one packet and reports whether the answer comes.
func reaches(t *testing.T, c *node.Container, address string) bool {
	t.Helper()
	return c.Exec(t, "sh", "-c", "ping -n -c1 -W2 "+address+" >/dev/null 2>&1 && echo yes || true") == "yes\n"
}

func addresses(result *current.Result) []string {
	var list []string
	for _, ip := range result.IPs {
		list = append(list, ip.Address.IP.String())
	}
	return list
}

func gateways(result *current.Result) []string {
	var list []string
	for _, ip := range result.IPs {
		list = append(list, ip.Gateway.String())
	}
	return list
}

// Containers reach each other and their gateway with the first packet, in both
// families.
func TestBridgeTraffic(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	one, other := n.Container(t, "one"), n.Container(t, "other")
	first := add(t, n, bridgeCall(one, gateway+bridged))
	for _, address := range gateways(first) {
		if !reaches(t, one, address) {
			t.Errorf("the gateway %s does not answer the first packet", address)
		}
	}
	second := add(t, n, bridgeCall(other, gateway+bridged))
	for _, address := range append(addresses(first), gateways(second)...) {
		if !reaches(t, other, address) {
			t.Errorf("%s does not answer the first packet", address)
		}
	}
	for _, address := range addresses(second) {
		n.Exec(t, "ping", "-n", "-c1", "-W5", address)
	}
}

// Isolated containers reach the gateway, but not each other.
func TestBridgePortIsolation(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	const keys = gateway + `"portIsolation": true, ` + bridged
	one, other, open := n.Container(t, "one"), n.Container(t, "other"), n.Container(t, "open")
	first := add(t, n, bridgeCall(one, keys))
	add(t, n, bridgeCall(other, keys))
	add(t, n, bridgeCall(open, gateway+bridged))
	for i, address := range gateways(first) {
		if !reaches(t, other, address) {
			t.Errorf("gateway %s does not answer", address)
		}
		if address := addresses(first)[i]; reaches(t, other, address) {
			t.Errorf("%s answers", address)
		} else if !reaches(t, open, address) {
			t.Errorf("%s does not answer a container that is not isolated", address)
		}
	}
}

// A frame for the container itself comes back through a port in hairpin mode.
func TestBridgeHairpin(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]bool{`"hairpinMode": true, `: true, "": false} {
		t.Run(fmt.Sprint(want), func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			call := bridgeCall(c, gateway+keys+bridgeV4)
			result := add(t, n, call)
			before := received(t, c)
			c.Exec(t, "ip", "neigh", "add", "10.1.2.77", "lladdr", result.Interfaces[2].Mac, "dev", "eth0")
			c.Exec(t, "sh", "-c", "ping -n -c20 -i0.002 -W1 10.1.2.77 || true")
			if got := received(t, c)-before >= 20; got != want {
				t.Errorf("frames come back: %v, want %v", got, want)
			}
		})
	}
}

// received is how many packets the container's interface has received.
func received(t *testing.T, c *node.Container) int {
	t.Helper()
	var stats []struct {
		Stats struct{ Rx struct{ Packets int } } `json:"stats64"`
	}
	if err := json.Unmarshal([]byte(c.Exec(t, "ip", "-s", "-j", "link", "show", "eth0")), &stats); err != nil {
		t.Fatal(err)
	}
	return stats[0].Stats.Rx.Packets
}

// A host that has no route to the containers answers them, as they are behind
// the node's address.
func TestBridgeMasquerade(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"iptables", "nftables"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c, outside := n.Container(t, "c"), n.Container(t, "outside")
			n.Exec(t, "ip", "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", "outside")
			n.Exec(t, "sh", "-ec", "ip addr add 192.0.2.1/24 dev uplink; ip addr add 2001:db8::1/64 dev uplink nodad; ip link set uplink up")
			outside.Exec(t, "sh", "-ec", "ip addr add 192.0.2.2/24 dev eth0; ip addr add 2001:db8::2/64 dev eth0 nodad; ip link set eth0 up")
			before := n.State(t, c)
			call := bridgeCall(c, fmt.Sprintf(`%s"ipMasq": true, "ipMasqBackend": %q, %s`, gateway, backend, bridged))
			raw := n.Must(t, "ADD", call)
			for _, address := range []string{"192.0.2.2", "2001:db8::2"} {
				// The first packet of IPv6 may wait for the uplink's link-local address.
				c.Exec(t, "ping", "-n", "-c1", "-w4", address)
			}
			n.Must(t, "CHECK", call.With("prevResult", raw))
			n.Must(t, "DEL", call)
			if diff := hoststate.Diff(before, n.State(t, c), node.Lasting(), tables()); diff != "" {
				t.Errorf("after DEL:\n%s", diff)
			}
		})
	}
}

// tables matches what masquerading makes once for all attachments.
func tables() *regexp.Regexp {
	return regexp.MustCompile(`^host (nft|ip6?tables-nft-save): |^host links: uplink|^host (addresses|routes): .*(fe80::|ff00::| dev uplink )`)
}

// The rules of an attachment go with it, also if the runtime does not know its
// namespace any longer, and do not pile up.
func TestBridgeMasqueradeCycles(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"iptables", "nftables"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			count := func() int {
				return strings.Count(n.Exec(t, "nft", "list", "ruleset"), "\n")
			}
			var rules int
			for i := range 50 {
				c := n.Container(t, fmt.Sprint("c", i))
				call := bridgeCall(c, fmt.Sprintf(`%s"ipMasq": true, "ipMasqBackend": %q, %s`, gateway, backend, bridged))
				n.Must(t, "ADD", call)
				c.Remove(t)
				call.Netns, call.Env = "", []string{"CNI_NETNS="}
				n.Must(t, "DEL", call)
				if i == 0 {
					rules = count()
				}
			}
			if got := count(); got != rules {
				t.Errorf("%d lines of rules after 50 containers, %d after one:\n%s", got, rules, n.Exec(t, "nft", "list", "ruleset"))
			}
		})
	}
}

// A container is in its VLAN alone, with a gateway of that VLAN.
func TestBridgeVLAN(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	needsVLANs(t, n)
	network := func(name, subnet string, vlan int) string {
		return fmt.Sprintf(`%s"vlan": %d, "ipam": {"type": "host-local", "dataDir": "/var/lib/%s", "subnet": "10.1.%s.0/24"}`, gateway, vlan, name, subnet)
	}
	a1, a2, b := n.Container(t, "a1"), n.Container(t, "a2"), n.Container(t, "b")
	before := n.State(t)
	calls := []node.Call{
		bridgeCall(a1, network("a", "7", 100)), bridgeCall(a2, network("a", "7", 100)), bridgeCall(b, network("b", "8", 200)),
	}
	var results []*current.Result
	for _, call := range calls {
		results = append(results, add(t, n, call))
	}
	if got := len(results[0].Interfaces); got != 4 || results[0].Interfaces[3].Name != "br0.100" {
		t.Errorf("interfaces %v", results[0].Interfaces)
	}
	for _, address := range []string{"10.1.7.1", "10.1.7.2"} {
		if !reaches(t, a2, address) {
			t.Errorf("%s does not answer within its VLAN", address)
		}
	}
	if !reaches(t, b, "10.1.8.1") {
		t.Error("the gateway of the other VLAN does not answer")
	}
	// In another VLAN, nobody hears that a container is asked for its address.
	b.Exec(t, "ip", "addr", "add", "10.1.7.99/24", "dev", "eth0")
	if b.Exec(t, "sh", "-c", "ping -n -c1 -W1 -I 10.1.7.99 10.1.7.2 >/dev/null && echo yes || true") != "" {
		t.Error("a container answers another VLAN")
	}
	vlans := n.Exec(t, "bridge", "vlan", "show", "dev", results[0].Interfaces[1].Name)
	if strings.Count(vlans, "100") != 1 || strings.Contains(vlans, " 1 ") {
		t.Errorf("VLANs of the port:\n%s", vlans)
	}
	for i, call := range calls {
		raw, err := json.Marshal(results[i])
		if err != nil {
			t.Fatal(err)
		}
		call := call.With("prevResult", raw)
		n.Must(t, "CHECK", call)
		n.Exec(t, "bridge", "vlan", "add", "dev", results[i].Interfaces[1].Name, "vid", "7")
		if err := n.Run(t, "CHECK", call).Err(); err == nil || !strings.Contains(err.Error(), " PVID untagged, 7, expected ") {
			t.Errorf("CHECK in one VLAN more: %v", err)
		}
		n.Must(t, "DEL", call)
	}
	if diff := hoststate.Diff(before, n.State(t), node.Lasting(), regexp.MustCompile(`^files: /var/lib/[ab]`)); diff != "" {
		t.Errorf("after DEL:\n%s", diff)
	}
}

// An administrator may have made the gateway's interface, and it stays his.
func TestBridgeVLANInterface(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	needsVLANs(t, n)
	needsDriver(t, n, "vlan")
	n.Exec(t, "sh", "-ec", `ip link add br0 type bridge vlan_filtering 1; ip link add link br0 name br0.100 type vlan id 100
		bridge vlan add dev br0 vid 100 self; ip link set br0 up`)
	c := n.Container(t, "c")
	call := bridgeCall(c, gateway+`"vlan": 100, `+bridgeV4)
	call = call.With("prevResult", n.Must(t, "ADD", call))
	if !reaches(t, c, "10.1.2.1") {
		t.Error("the gateway does not answer")
	}
	n.Must(t, "CHECK", call)
	n.Must(t, "DEL", call)
	if links := n.Exec(t, "ip", "-o", "link", "show", "type", "vlan"); !strings.Contains(links, "br0.100@br0") {
		t.Errorf("links after DEL: %s", links)
	}
}

// Frames of a trunk's VLANs have a tag in the container, and reach the VLANs'
// other members.
func TestBridgeTrunk(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	needsVLANs(t, n)
	trunk, member := n.Container(t, "trunk"), n.Container(t, "member")
	add(t, n, bridgeCall(trunk, `"vlanTrunk": [{"id": 100}, {"minID": 200, "maxID": 210}]`))
	add(t, n, bridgeCall(member, `"vlan": 205`))
	trunk.Exec(t, "sh", "-ec", "ip link add link eth0 name v205 type vlan id 205; ip addr add 10.5.0.1/24 dev v205; ip link set v205 up; ip addr add 10.6.0.1/24 dev eth0")
	member.Exec(t, "sh", "-ec", "ip addr add 10.5.0.2/24 dev eth0; ip addr add 10.6.0.2/24 dev eth0")
	if !reaches(t, trunk, "10.5.0.2") {
		t.Error("the VLAN's member does not answer")
	}
	if reaches(t, trunk, "10.6.0.2") {
		t.Error("untagged frames reach a VLAN")
	}
}

// bridgeNetworks are kinds of networks, and whether those are of VLANs and have
// addresses.
var bridgeNetworks = map[string]struct {
	keys       string
	vlans, ips bool
}{
	"IPv4":          {keys: gateway + bridgeV4, ips: true},
	"IPv6":          {keys: gateway + bridgeV6, ips: true},
	"dual stack":    {keys: gateway + bridged, ips: true},
	"no gateway":    {keys: bridgeV4, ips: true},
	"L2":            {keys: `"ipam": {}`},
	"left down":     {keys: `"disableContainerInterface": true`},
	"options":       {keys: gateway + `"mtu": 1400, "hairpinMode": true, "portIsolation": true, "acceptRA": false, "stp": false, "multicastSnooping": false, ` + bridgeV4, ips: true},
	"promiscuous":   {keys: gateway + `"promiscMode": true, ` + bridgeV4, ips: true},
	"VLAN":          {keys: gateway + `"vlan": 100, ` + bridged, vlans: true, ips: true},
	"VLAN, default": {keys: gateway + `"vlan": 100, "preserveDefaultVlan": true, ` + bridgeV4, vlans: true, ips: true},
	"L2 VLAN":       {keys: `"vlan": 100`, vlans: true},
	"trunk":         {keys: `"vlanTrunk": [{"id": 101}, {"minID": 200, "maxID": 210}]`, vlans: true},
	"VLAN, trunk":   {keys: `"vlan": 100, "vlanTrunk": [{"minID": 99, "maxID": 101}]`, vlans: true},
	"empty trunk":   {keys: `"vlanTrunk": []`, vlans: true},
}

// Each kind of network in each version: ADD, CHECK, DEL, and the host is as
// before.
func TestBridgeNetworks(t *testing.T) {
	t.Parallel()
	for name, network := range bridgeNetworks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if network.vlans {
				needsVLANs(t, node.New(t))
			}
			for _, v := range versions {
				n := node.New(t)
				c := n.Container(t, "c")
				before := n.State(t, c)
				call := bridgeCall(c, network.keys).With("cniVersion", fmt.Appendf(nil, "%q", v))
				if !network.ips && v < "0.3.0" {
					if err := n.Run(t, "ADD", call).Err(); err == nil || !strings.Contains(err.Error(), "cannot convert: no valid IP addresses") {
						t.Errorf("%s: ADD: %v", v, err)
					}
				} else {
					result := n.Must(t, "ADD", call)
					if err := shape(v, result); err != nil {
						t.Errorf("%v:\n%s", err, result)
					}
					check(t, n, c, v, call.With("prevResult", result))
					n.Must(t, "DEL", call)
				}
				if diff := hoststate.Diff(before, n.State(t, c), node.Lasting()); diff != "" {
					t.Errorf("%s: at the end:\n%s", v, diff)
				}
			}
		})
	}
}

// CHECK tells what somebody has changed.
func TestBridgeCheck(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		"ip link set br0 down":                                          "interface br0 is down",
		"ip addr del 10.1.2.1/24 dev br0":                               "interface br0 lacks address 10.1.2.1/24",
		"ip link set br0 address 02:00:00:00:00:99":                     "interface br0 has MAC address 02:00:00:00:00:99",
		"ip link set $PORT nomaster":                                    "is not a port of bridge br0",
		"bridge link set dev $PORT hairpin off":                         tolerated + "has hairpin mode false, expected true",
		"bridge link set dev $PORT isolated off":                        "has isolation false, expected true",
		"ip -n c link set eth0 down":                                    "interface eth0 is down",
		"ip -n c route del default":                                     "lacks route default via 10.1.2.1",
		"ip -n c addr del 10.1.2.2/24 dev eth0":                         "interface eth0 lacks address 10.1.2.2/24",
		"ip -n c link set eth0 mtu 1300":                                tolerated + "interface eth0 has MTU 1300, expected 1400",
		"nft delete table inet cni_plugins_masquerade":                  "masquerade",
		"ip link add other type bridge; ip link set $PORT master other": "is not a port of bridge br0",
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			call := bridgeCall(c, gateway+`"mtu": 1400, "hairpinMode": true, "portIsolation": true, "ipMasq": true, "ipMasqBackend": "nftables", `+bridgeV4)
			raw := n.Must(t, "ADD", call)
			var result current.Result
			if err := json.Unmarshal(raw, &result); err != nil {
				t.Fatal(err)
			}
			n.Exec(t, "sh", "-ec", strings.ReplaceAll(change, "$PORT", result.Interfaces[1].Name))
			wantDifference(t, n, call.With("prevResult", raw), want)
		})
	}
}

// Without IPAM, too, CHECK tells what somebody has changed, and no more.
func TestBridgeCheckLayer2(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		"ip link set $PORT nomaster":     "is not a port of bridge br0",
		"ip link del $PORT":              "eth0",
		"ip -n c link set eth0 down":     "interface eth0 is down",
		"ip link set br0 down":           "interface br0 is down",
		"ip link del br0":                "br0",
		"ip -n c link set eth0 mtu 1300": tolerated + "interface eth0 has MTU 1300, expected 1400",
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			call := bridgeCall(c, `"mtu": 1400`)
			call = call.With("prevResult", n.Must(t, "ADD", call))
			n.Must(t, "CHECK", call)
			c.Exec(t, "ip", "addr", "add", "10.9.9.9/24", "dev", "eth0")
			n.Must(t, "CHECK", call)
			port := strings.TrimSpace(n.Exec(t, "ls", "/sys/class/net/br0/brif"))
			n.Exec(t, "sh", "-ec", strings.ReplaceAll(change, "$PORT", port))
			wantDifference(t, n, call, want)
		})
	}
}

// 100 containers at once make one bridge, and the last of them deletes it.
func TestBridgeParallel(t *testing.T) {
	t.Parallel()
	const count = 100
	n := node.New(t)
	var calls []node.Call
	for i := range count {
		calls = append(calls, bridgeCall(n.Container(t, fmt.Sprint("c", i)), gateway+bridged))
	}
	before := n.State(t)
	for i, out := range atOnce(t, n, "ADD", calls) {
		calls[i] = calls[i].With("prevResult", out.Stdout)
	}
	if bridges := n.Exec(t, "sh", "-c", "ip -br link show type bridge | wc -l"); bridges != "1\n" {
		t.Errorf("%s bridges", bridges)
	}
	atOnce(t, n, "CHECK", calls)
	atOnce(t, n, "DEL", calls)
	expectRestored(t, n, before, "after DEL")
}

// Containers that come and go at the same time: none loses its bridge to the DEL
// of another.
func TestBridgeChurn(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	const rounds = 12
	done := make(chan error, 3)
	for i := range cap(done) {
		c := n.Container(t, fmt.Sprint("c", i))
		call := bridgeCall(c, gateway+bridgeV4)
		go func() {
			for range rounds {
				out := n.Run(t, "ADD", call)
				if err := out.Err(); err != nil {
					done <- fmt.Errorf("ADD: %w", err)
					return
				}
				if err := n.Run(t, "CHECK", call.With("prevResult", out.Stdout)).Err(); err != nil {
					done <- fmt.Errorf("CHECK: %w", err)
					return
				}
				if err := n.Run(t, "DEL", call).Err(); err != nil {
					done <- fmt.Errorf("DEL: %w", err)
					return
				}
			}
			done <- nil
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if links := n.Exec(t, "ip", "-br", "link"); strings.Count(links, "\n") != 1 {
		t.Errorf("links at the end:\n%s", links)
	}
}

// What upstream's ADD made, DEL removes, and the other way round.
func TestBridgeInterop(t *testing.T) {
	eachWay(t, func(t *testing.T, sides func(node.Call) (adds, deletes node.Call)) {
		n := node.New(t)
		c := n.Container(t, "c")
		adds, deletes := sides(bridgeCall(c, gateway+`"ipMasq": true, "ipMasqBackend": "iptables", `+bridgeV4))
		n.Must(t, "ADD", adds)
		if !reaches(t, c, "10.1.2.1") {
			t.Error("the gateway does not answer")
		}
		n.Must(t, "DEL", deletes)
		links := n.Exec(t, "ip", "-br", "link") + c.Exec(t, "ip", "-br", "link")
		if strings.Contains(links, "veth") || strings.Contains(links, "eth0") {
			t.Errorf("links after DEL:\n%s", links)
		}
		if rules := n.Exec(t, "iptables-save", "-t", "nat"); strings.Contains(rules, "CNI-") {
			t.Errorf("rules after DEL:\n%s", rules)
		}
		if files := n.Exec(t, "ls", "/var/lib/cni/networks/net"); strings.Contains(files, "10.1.2.2\n") {
			t.Errorf("addresses after DEL:\n%s", files)
		}
	})
}
