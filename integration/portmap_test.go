package integration

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// portmapSubject is portmap with mappings of all kinds.
func portmapSubject(backend string) subject {
	return subject{
		plugin: "portmap",
		config: fmt.Sprintf(`{"name": "net", "type": "portmap", "backend": %q, "runtimeConfig": {"portMappings": [
			{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
			{"hostPort": 8053, "containerPort": 53, "protocol": "udp", "hostIP": "10.1.2.1"}]}}`, backend),
		ifName:     "eth0",
		exact:      true,
		variant:    backend,
		prevResult: `{"cniVersion": "1.1.0", "ips": [{"address": "10.1.2.3/24"}, {"address": "fd00:1:2::3/64"}]}`,
		shared:     true,
	}
}

// portmapCall is a call for a network of the given keys and a container with the
// given addresses.
func portmapCall(name, keys, mappings string, addresses ...string) node.Call {
	ips := make([]string, len(addresses))
	for i, a := range addresses {
		ips[i] = fmt.Sprintf(`{"address": %q, "interface": 1}`, a)
	}
	netns := "/run/netns/" + name
	return node.Call{
		Plugin: "portmap",
		Config: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "pmnet", "type": "portmap", %s,
			"runtimeConfig": {"portMappings": [%s]},
			"prevResult": {"cniVersion": "1.1.0", "interfaces": [{"name": "br0"}, {"name": "eth0", "sandbox": %q}], "ips": [%s]}}`,
			keys, mappings, netns, strings.Join(ips, ", ")),
		ContainerID: name, Netns: netns, IfName: "eth0",
	}
}

// ignoring leaves ports to others that have them.
const ignoring = `, "hostPortConflict": "ignore"`

const goldenMappings = `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
	{"HostPort": 8053, "ContainerPort": 53, "Protocol": "udp", "HostIP": "10.50.0.1"},
	{"hostPort": 8054, "containerPort": 54, "protocol": "TCP", "hostIP": "::"}`

// savedNAT returns the rules in iptables' table nat.
func savedNAT(t *testing.T, n *node.Node, tool string) string {
	t.Helper()
	return savedRules(t, n, tool, "nat")
}

const portmapTop = `-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
`

const portmapMarks = `-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000
`

// The rules of iptables are upstream's to the byte.
func TestPortmapGoldenIPTables(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", "ip link add br0 type bridge; ip addr add 10.50.0.1/24 dev br0; ip link set br0 up")
	n.Container(t, "cid1")
	call := portmapCall("cid1", backendKey("iptables"), goldenMappings, "10.50.0.2/24", "fd50::2/64")
	jumps := `-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"pmnet\" id: \"cid1\"" -m multiport --dports 8080,8054 -j CNI-DN-585d28ce8970197b5e327
-A CNI-HOSTPORT-DNAT -p udp -m comment --comment "dnat name: \"pmnet\" id: \"cid1\"" -m multiport --dports 8053 -j CNI-DN-585d28ce8970197b5e327
`
	want := map[string]string{
		"iptables": portmapTop + `-A CNI-DN-585d28ce8970197b5e327 -s 10.50.0.0/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK
-A CNI-DN-585d28ce8970197b5e327 -s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK
-A CNI-DN-585d28ce8970197b5e327 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.50.0.2:80
-A CNI-DN-585d28ce8970197b5e327 -s 10.50.0.0/24 -d 10.50.0.1/32 -p udp -m udp --dport 8053 -j CNI-HOSTPORT-SETMARK
-A CNI-DN-585d28ce8970197b5e327 -s 127.0.0.1/32 -d 10.50.0.1/32 -p udp -m udp --dport 8053 -j CNI-HOSTPORT-SETMARK
-A CNI-DN-585d28ce8970197b5e327 -d 10.50.0.1/32 -p udp -m udp --dport 8053 -j DNAT --to-destination 10.50.0.2:53
` + jumps + portmapMarks,
		"ip6tables": portmapTop + `-A CNI-DN-585d28ce8970197b5e327 -s fd50::/64 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK
-A CNI-DN-585d28ce8970197b5e327 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [fd50::2]:80
-A CNI-DN-585d28ce8970197b5e327 -s fd50::/64 -p tcp -m tcp --dport 8054 -j CNI-HOSTPORT-SETMARK
-A CNI-DN-585d28ce8970197b5e327 -p tcp -m tcp --dport 8054 -j DNAT --to-destination [fd50::2]:54
` + jumps + portmapMarks,
	}
	for range 2 {
		n.Must(t, "ADD", call)
		n.Must(t, "CHECK", call)
		for tool, rules := range want {
			if diff := cmp.Diff(rules, savedNAT(t, n, tool)); diff != "" {
				t.Errorf("%s (-want +have):\n%s", tool, diff)
			}
		}
	}
	for range 2 {
		n.Must(t, "DEL", call)
		for tool := range want {
			if diff := cmp.Diff(portmapTop+portmapMarks, savedNAT(t, n, tool)); diff != "" {
				t.Errorf("%s after DEL (-want +have):\n%s", tool, diff)
			}
		}
	}
}

const goldenNFTables = `table inet cni_plugins_portmap {
	comment "Port mappings of github.com/containernetworking/plugins"
	map hostip4 {
		type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service
		flags timeout
		elements = { udp . 10.50.0.1 . 8053 comment "OWNER" : 10.50.0.2 . 53 }
	}

	map ports4 {
		type inet_proto . inet_service : ipv4_addr . inet_service
		flags timeout
		elements = { tcp . 8080 comment "OWNER" : 10.50.0.2 . 80 }
	}

	map hostip6 {
		type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service
		flags timeout
	}

	map ports6 {
		type inet_proto . inet_service : ipv6_addr . inet_service
		flags timeout
		elements = { tcp . 8080 comment "OWNER" : fd50::2 . 80 }
	}

	set masquerade4_24 {
		type ipv4_addr . ipv4_addr
		flags timeout
		elements = { 10.50.0.0 . 10.50.0.2 comment "OWNER" }
	}

	set masquerade4_32 {
		type ipv4_addr . ipv4_addr
		flags timeout
		elements = { 127.0.0.1 . 10.50.0.2 comment "OWNER" }
	}

	set masquerade6_64 {
		type ipv6_addr . ipv6_addr
		flags timeout
		elements = { fd50:: . fd50::2 comment "OWNER" }
	}

	chain conditional {
	}

	chain hostports {
		jump conditional
		dnat ip to meta l4proto . ip daddr . th dport map @hostip4
		dnat ip6 to meta l4proto . ip6 daddr . th dport map @hostip6
		meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports4
		meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports6
	}

	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local goto hostports
	}

	chain output {
		type nat hook output priority -100; policy accept;
		fib daddr type local goto hostports
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ct status dnat ip saddr & 255.255.255.0 . ip daddr @masquerade4_24 masquerade comment "masquerade4_24"
		ct status dnat ip saddr . ip daddr @masquerade4_32 masquerade comment "masquerade4_32"
		ct status dnat ip6 saddr & ffff:ffff:ffff:ffff:: . ip6 daddr @masquerade6_64 masquerade comment "masquerade6_64"
	}

	chain guard {
		type filter hook prerouting priority raw; policy accept;
		iifname != "lo" ip saddr 127.0.0.0/8 drop
		iifname != "lo" ip daddr 127.0.0.0/8 drop
	}
}
`

// What nft lists can be loaded again, and DEL leaves the table without elements.
func TestPortmapGoldenNFTables(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", "ip link add br0 type bridge; ip addr add 10.50.0.1/24 dev br0; ip link set br0 up")
	n.Container(t, "cid1")
	const mappings = `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
		{"hostPort": 8053, "containerPort": 53, "protocol": "udp", "hostIP": "10.50.0.1"}`
	call := portmapCall("cid1", backendKey("nftables"), mappings, "10.50.0.2/24", "fd50::2/64")
	full := strings.ReplaceAll(goldenNFTables, "OWNER", "283a4b7588489c88-0b65a318f52e521b, net: pmnet, if: eth0, id: cid1")
	empty := withoutElements(goldenNFTables)
	for range 2 {
		n.Must(t, "ADD", call)
		n.Must(t, "CHECK", call)
		if diff := cmp.Diff(full, n.Exec(t, "nft", "list", "ruleset")); diff != "" {
			t.Errorf("(-want +have):\n%s", diff)
		}
	}
	n.Exec(t, "sh", "-ec", "nft list ruleset >/run/rules; nft flush ruleset; nft -f /run/rules")
	n.Must(t, "CHECK", call)
	for range 2 {
		n.Must(t, "DEL", call)
		if diff := cmp.Diff(empty, n.Exec(t, "nft", "list", "ruleset")); diff != "" {
			t.Errorf("after DEL (-want +have):\n%s", diff)
		}
	}
}

func withoutElements(ruleset string) string {
	var lines []string
	for line := range strings.Lines(ruleset) {
		if !strings.Contains(line, "elements = ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// DEL needs neither the mappings nor the result of the ADD, nor the same backend.
func TestPortmapDelWithoutMappings(t *testing.T) {
	t.Parallel()
	for i, backend := range kernelBackends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			call := portmapCall("cid1", backendKey(backend), goldenMappings, "10.50.0.2/24", "fd50::2/64")
			other := call.With("backend", fmt.Appendf(nil, "%q", kernelBackends[1-i]))
			n.Container(t, "cid1")
			n.Must(t, "ADD", other)
			n.Must(t, "ADD", call)
			n.Must(t, "DEL", call)
			before := n.State(t)
			// ADD itself may come with another one.
			n.Must(t, "ADD", other)
			n.Must(t, "ADD", call)
			n.Must(t, "CHECK", call)
			for name, del := range map[string]node.Call{
				"no mappings":      call.With("runtimeConfig", nil),
				"no result":        call.With("prevResult", nil),
				"neither":          call.With("prevResult", nil).With("runtimeConfig", nil),
				"other backend":    other,
				"broken":           call.With("runtimeConfig", []byte(`{"portMappings": 7}`)).With("backend", []byte(`"none"`)),
				"broken and other": other.With("prevResult", []byte("7")).With("runtimeConfig", nil),
			} {
				n.Must(t, "ADD", call)
				n.Must(t, "DEL", del)
				expectRestored(t, n, before, name)
			}
		})
	}
}

// An ADD that asks for a port of another container fails; with "ignore" it does not get
// the port until the first one is gone.
func TestPortmapConflict(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		const mapping = `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}`
		const special = `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "10.50.0.1"}`
		n.Container(t, "a")
		n.Container(t, "b")
		a := portmapCall("a", backendKey(backend), mapping, "10.50.0.2/24")
		n.Must(t, "ADD", a)
		// Who came first is not for the clock to say, which somebody may have set back since.
		n.Exec(t, "sh", "-ec", `sed -i 's/"since":"[0-9]*/"since":"2099/' /run/cni/portmap/*.json; grep -q 2099 /run/cni/portmap/*.json`)
		before := n.State(t)
		for _, m := range []string{mapping, special} {
			b := portmapCall("b", backendKey(backend), m, "10.50.0.3/24")
			err := n.Run(t, "ADD", b).Err()
			if err == nil || !strings.Contains(err.Error(), "already mapped by interface eth0 of container a in network pmnet") {
				t.Errorf("%s: got %v", m, err)
			}
			expectRestored(t, n, before, m)
		}
		b := portmapCall("b", backendKey(backend)+ignoring, mapping, "10.50.0.3/24")
		out := n.Run(t, "ADD", b)
		if out.Err() != nil || !strings.Contains(string(out.Stderr), "container a in network pmnet, which keeps it") {
			t.Errorf("got %v, stderr %q", out.Err(), out.Stderr)
		}
		n.Must(t, "CHECK", a)
		n.Must(t, "CHECK", b)
		n.Must(t, "DEL", a)
		n.Must(t, "CHECK", b)
		if n.Run(t, "CHECK", a).Err() == nil {
			t.Error("CHECK accepts what DEL removed")
		}
		n.Must(t, "DEL", b)
	})
}

// Of several mappings of a port, the first one counts.
func TestPortmapTwice(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		n.Container(t, "a")
		call := portmapCall("a", backendKey(backend), `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
			{"hostPort": 8070, "hostPortEnd": 8089, "containerPort": 1070, "protocol": "tcp"}`, "10.50.0.2/24")
		for range 2 {
			n.Must(t, "ADD", call)
			n.Must(t, "CHECK", call)
		}
		if said := repair(t, n, "portmap"); said != nothingMissing {
			t.Errorf("repair says %q", said)
		}
		n.Must(t, "DEL", call)
	})
}

// CHECK notices whatever is taken away, and ADD brings it back.
func TestPortmapCheck(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Container(t, "cid1")
	call := portmapCall("cid1", backendKey("iptables"), goldenMappings, "10.50.0.2/24", "fd50::2/64")
	n.Must(t, "ADD", call)
	for _, tool := range []string{"iptables", "ip6tables"} {
		rules := savedNAT(t, n, tool)
		for rule := range strings.Lines(rules) {
			n.Exec(t, "sh", "-ec", tool+" -t nat -D "+strings.TrimPrefix(rule, "-A "))
			if err := n.Run(t, "CHECK", call).Err(); err == nil || !strings.Contains(err.Error(), "not found in table nat") {
				t.Errorf("without %s: CHECK says %v", rule, err)
			}
			n.Must(t, "ADD", call)
			n.Must(t, "CHECK", call)
		}
	}
}

func TestPortmapCheckNFTables(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Container(t, "cid1")
	n.Exec(t, "sh", "-ec", "ip link add br0 type bridge; ip addr add 10.50.0.1/24 dev br0; ip link set br0 up")
	call := portmapCall("cid1", backendKey("nftables"), goldenMappings, "10.50.0.2/24", "fd50::2/64")
	for _, damage := range []string{
		"delete element inet cni_plugins_portmap ports4 { tcp . 8080 }",
		"delete element inet cni_plugins_portmap ports6 { tcp . 8054 }",
		"delete element inet cni_plugins_portmap hostip4 { udp . 10.50.0.1 . 8053 }",
		"delete element inet cni_plugins_portmap masquerade4_32 { 127.0.0.1 . 10.50.0.2 }",
		"flush chain inet cni_plugins_portmap prerouting",
		"flush chain inet cni_plugins_portmap output",
		"flush chain inet cni_plugins_portmap hostports",
		"flush chain inet cni_plugins_portmap postrouting",
		"flush chain inet cni_plugins_portmap guard",
		"flush ruleset",
		"delete map inet cni_plugins_portmap ports4",
	} {
		n.Must(t, "ADD", call)
		n.Must(t, "CHECK", call)
		if strings.HasPrefix(damage, "delete map") {
			damage = "flush chain inet cni_plugins_portmap hostports; " + damage
		}
		n.Exec(t, "nft", damage)
		if n.Run(t, "CHECK", call).Err() == nil {
			t.Errorf("after nft %s: CHECK succeeds", damage)
		}
		if !strings.Contains(damage, "chain") {
			n.Must(t, "ADD", call)
			n.Must(t, "CHECK", call)
		}
		n.Must(t, "DEL", call)
		n.Exec(t, "nft", "flush ruleset")
	}
}

// Who wants several ports that others have gets those that are given up, by DEL or by another
// ADD, and no others.
func TestPortmapGivenUp(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	call := func(name string, ports ...int) node.Call {
		n.Container(t, name)
		var mappings []string
		for _, port := range ports {
			mappings = append(mappings, fmt.Sprintf(`{"hostPort": %d, "containerPort": 80, "protocol": "tcp"}`, port))
		}
		return portmapCall(name, backendKey("nftables")+ignoring, strings.Join(mappings, ", "), fmt.Sprintf("10.50.0.%d/24", name[0]))
	}
	has := func(when string, want map[int]string) {
		t.Helper()
		have := map[int]string{}
		for _, m := range regexp.MustCompile(`tcp \. (\d+) comment "[^"]*id: (\w)"`).FindAllStringSubmatch(n.Exec(t, "nft", "list map inet cni_plugins_portmap ports4"), -1) {
			port, _ := strconv.Atoi(m[1])
			have[port] = m[2]
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s (-want +have):\n%s", when, diff)
		}
	}
	a, b, c, d := call("a", 8080), call("b", 9090), call("c", 8080, 9090, 7070), call("d", 7070, 6060)
	for _, call := range []node.Call{a, b, c, d} {
		n.Must(t, "ADD", call)
	}
	has("at first", map[int]string{8080: "a", 9090: "b", 7070: "c", 6060: "d"})
	n.Must(t, "DEL", a)
	has("without a", map[int]string{8080: "c", 9090: "b", 7070: "c", 6060: "d"})
	n.Must(t, "ADD", c.With("runtimeConfig", []byte(`{"portMappings": [{"hostPort": 9090, "containerPort": 80, "protocol": "tcp"}]}`)))
	has("with c for 9090 alone", map[int]string{9090: "b", 7070: "d", 6060: "d"})
	n.Must(t, "DEL", b)
	has("without b", map[int]string{9090: "c", 7070: "d", 6060: "d"})
	for _, call := range []node.Call{c, d} {
		n.Must(t, "DEL", call)
	}
}

// An interface keeps the name of its chain while it has ports, also where another one gives
// up the name that it would get now.
func TestPortmapKeepsChain(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		n.Container(t, "c")
		const mapping = `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}`
		one := portmapCall("c", backendKey(backend), mapping, "10.50.0.2/24")
		two := portmapCall("c", backendKey(backend), mapping, "10.50.0.3/24")
		two.IfName, two.Config = "net1", strings.ReplaceAll(two.Config, "eth0", "net1")
		n.Must(t, "ADD", two)
		n.Must(t, "DEL", two)
		before := n.State(t)
		n.Must(t, "ADD", one)
		n.Must(t, "ADD", two)
		n.Must(t, "DEL", one)
		n.Must(t, "ADD", two)
		n.Must(t, "CHECK", two)
		n.Must(t, "DEL", two)
		expectRestored(t, n, before, "two interfaces")
	})
}

// Two interfaces of a container in one network have one chain name.
func TestPortmapTwoInterfaces(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		n.Container(t, "c")
		one := portmapCall("c", backendKey(backend), `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}`, "10.50.0.2/24")
		two := portmapCall("c", backendKey(backend), `{"hostPort": 8081, "containerPort": 80, "protocol": "tcp"}`, "10.60.0.2/24")
		two.IfName = "net1"
		two.Config = strings.ReplaceAll(two.Config, `"eth0"`, `"net1"`)
		for _, order := range [][]node.Call{{one, two}, {two, one}} {
			n.Must(t, "ADD", order[0])
			n.Must(t, "ADD", order[1])
			n.Must(t, "CHECK", order[0])
			n.Must(t, "CHECK", order[1])
			n.Must(t, "DEL", order[0])
			n.Must(t, "CHECK", order[1])
			n.Must(t, "DEL", order[1])
		}
	})
}

// Marks with different bits do not mix.
func TestPortmapMarks(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Container(t, "a")
	n.Container(t, "b")
	n.Container(t, "c")
	a := portmapCall("a", backendKey("iptables"), `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}`, "10.50.0.2/24")
	b := portmapCall("b", backendKey("iptables")+`, "markMasqBit": 5`, `{"hostPort": 8081, "containerPort": 80, "protocol": "tcp"}`, "10.50.0.3/24")
	n.Exec(t, "iptables", "-t", "nat", "-N", "EXTERNAL")
	c := portmapCall("c", backendKey("iptables")+`, "externalSetMarkChain": "EXTERNAL"`, `{"hostPort": 8082, "containerPort": 80, "protocol": "tcp"}`, "10.50.0.4/24")
	for _, call := range []node.Call{a, b, c, a, b, c} {
		n.Must(t, "ADD", call)
		n.Must(t, "CHECK", call)
	}
	rules := savedNAT(t, n, "iptables")
	for rule, want := range map[string]int{
		"-A CNI-HOSTPORT-SETMARK -":                      1,
		"-A CNI-HOSTPORT-SETMARK-5 -":                    1,
		"--set-xmark 0x20/0x20":                          1,
		"-A CNI-HOSTPORT-MASQ-5 -m mark --mark 0x20/0x2": 1,
		"-j CNI-HOSTPORT-SETMARK\n":                      2,
		"-j CNI-HOSTPORT-SETMARK-5\n":                    2,
		"-j EXTERNAL\n":                                  2,
	} {
		if have := strings.Count(rules, rule); have != want {
			t.Errorf("%d times %q, want %d:\n%s", have, rule, want, rules)
		}
	}
	for _, call := range []node.Call{a, b, c} {
		n.Must(t, "DEL", call)
	}
}

// The result passes through.
func TestPortmapResult(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Container(t, "c")
	for _, mappings := range []string{"", `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}`} {
		call := portmapCall("c", backendKey("nftables"), mappings, "10.50.0.2/24")
		var have, want struct{ IPs, Interfaces any }
		if err := json.Unmarshal(n.Must(t, "ADD", call), &have); err != nil {
			t.Fatal(err)
		}
		var conf struct{ PrevResult struct{ IPs, Interfaces any } }
		if err := json.Unmarshal([]byte(call.Config), &conf); err != nil {
			t.Fatal(err)
		}
		want = conf.PrevResult
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("(-want +have):\n%s", diff)
		}
		if err := n.Run(t, "ADD", call.With("prevResult", nil)).Err(); err == nil || err.Error() != "must be called as chained plugin" {
			t.Errorf("without prevResult: %v", err)
		}
		if err := n.Run(t, "CHECK", call.With("prevResult", nil)).Err(); err == nil || err.Error() != "Required prevResult missing" {
			t.Errorf("without prevResult: %v", err)
		}
		n.Must(t, "DEL", call)
	}
}
