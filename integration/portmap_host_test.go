package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// Each side knows, checks and removes what the other one made.
func TestPortmapInterop(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", "ip link add br0 type bridge; ip addr add 10.50.0.1/24 dev br0; ip addr add fd50::1/64 dev br0 nodad; ip link set br0 up")
	n.Container(t, "cid1")
	mappings := strings.ToLower(goldenMappings) // upstream takes TCP for another protocol than tcp
	mappings = strings.NewReplacer("hostport", "hostPort", "containerport", "containerPort", "hostip", "hostIP").Replace(mappings)
	call := portmapCall("cid1", backendKey("iptables"), mappings, "10.50.0.2/24", "fd50::2/64")
	rules := func() string {
		return savedNAT(t, n, "iptables") + savedNAT(t, n, "ip6tables")
	}
	upstream(t, n, "ADD", call)
	theirs := rules()
	n.Must(t, "CHECK", call)
	n.Must(t, "DEL", call.With("runtimeConfig", nil).With("prevResult", nil))
	skeleton := rules()
	if skeleton != portmapTop+portmapMarks+portmapTop+portmapMarks {
		t.Errorf("our DEL leaves\n%s", skeleton)
	}
	n.Must(t, "ADD", call)
	if have := rules(); have != theirs {
		t.Errorf("our rules:\n%s\ntheirs:\n%s", have, theirs)
	}
	upstream(t, n, "DEL", call)
	if have := rules(); have != skeleton {
		t.Errorf("upstream's DEL leaves\n%s", have)
	}
	n.Must(t, "DEL", call)

	// GC knows upstream's containers by the comment, and other networks' not at all.
	for _, name := range []string{"valid", "stale"} {
		n.Container(t, name)
		upstream(t, n, "ADD", portmapCall(name, backendKey("iptables"), mappings, "10.50.0.2/24", "fd50::2/64"))
	}
	foreign := portmapCall("cid1", backendKey("iptables"), mappings, "10.50.0.2/24", "fd50::2/64").With("name", []byte(`"other"`))
	upstream(t, n, "ADD", foreign)
	n.Must(t, "GC", node.Call{Plugin: "portmap", Config: call.With("cni.dev/valid-attachments", []byte(`[{"containerID": "valid", "ifname": "eth0"}]`)).Config})
	have := rules()
	for comment, want := range map[string]int{
		`name: \"pmnet\" id: \"valid\"`: 4, `name: \"pmnet\" id: \"stale\"`: 0, `name: \"other\" id: \"cid1\"`: 4,
	} {
		if count := strings.Count(have, comment); count != want {
			t.Errorf("after GC %d rules have %s, want %d:\n%s", count, comment, want, have)
		}
	}
}

// upstreamsNFTables is what upstream has in nftables for container NAME with the address
// 10.50.0.N and fd50::N, for the golden mappings and one of each family's localhost.
const upstreamsNFTables = `
	add rule ip cni_hostport hostports tcp dport 8080 dnat to 10.50.0.N:80 comment "NAME"
	add rule ip cni_hostport hostports ip daddr 10.50.0.1 udp dport 8053 dnat to 10.50.0.N:53 comment "NAME"
	add rule ip cni_hostport masquerading ip saddr 10.50.0.N ip daddr 10.50.0.N masquerade comment "NAME"
	add rule ip cni_hostport masquerading ip saddr 127.0.0.1 ip daddr 10.50.0.N masquerade comment "NAME"
	add rule ip6 cni_hostport hostports tcp dport 8080 dnat to [fd50::N]:80 comment "NAME"
	add rule ip6 cni_hostport hostports tcp dport 8054 dnat to [fd50::N]:54 comment "NAME"
	add rule ip6 cni_hostport masquerading ip6 saddr fd50::N ip6 daddr fd50::N masquerade comment "NAME"
`

// addUpstreams makes upstream's rules for a container.
func addUpstreams(t *testing.T, n *node.Node, name, number string) {
	t.Helper()
	var script strings.Builder
	for _, family := range []string{"ip", "ip6"} {
		fmt.Fprintf(&script, `
			table %s cni_hostport {
				comment "CNI portmap plugin"
				chain hostports { }
				chain hostip_hostports { }
				chain hostports_all { }
				chain prerouting { type nat hook prerouting priority -100; }
				chain output { type nat hook output priority -100; }
				chain masquerading { type nat hook postrouting priority 100; }
			}
			flush chain %[1]s cni_hostport hostports_all
			flush chain %[1]s cni_hostport prerouting
			flush chain %[1]s cni_hostport output
			add rule %[1]s cni_hostport hostports_all jump hostip_hostports
			add rule %[1]s cni_hostport hostports_all jump hostports
			add rule %[1]s cni_hostport prerouting fib daddr type local jump hostports_all
			add rule %[1]s cni_hostport output fib daddr type local jump hostports_all
		`, family)
	}
	script.WriteString(strings.NewReplacer("NAME", name, ".N", "."+number, "::N", "::"+number).Replace(upstreamsNFTables))
	n.Exec(t, "sh", "-ec", `printf '%s' "$0" | nft -f -`, script.String())
}

// CHECK knows what upstream has in nftables, and tells what of it is missing.
func TestPortmapChecksUpstreamsNFTables(t *testing.T) {
	t.Parallel()
	const table, other = "table ip cni_hostport", "table ip6 cni_hostport"
	for name, test := range map[string]struct{ change, want string }{
		"nothing": {"true", ""},
		"a port":  {"delete hostports tcp", "host port 8080/tcp is not mapped: no such rule in chain hostports of " + table},
		"a port of an address": {"delete hostports udp",
			"host port 10.50.0.1:8053/udp is not mapped: no such rule in chain hostports of " + table},
		"masquerade": {"nft flush chain ip6 cni_hostport masquerading", "not masqueraded: no such rule in chain masquerading of " + other},
		"the way":    {"nft flush chain ip cni_hostport prerouting", "chain prerouting of " + table + " is empty"},
		"another container's": {`nft add rule ip cni_hostport hostports tcp dport 8080 dnat to 10.50.0.9:80 comment '"cid1"'; delete hostports 'tcp dport 8080 dnat to 10.50.0.2'`,
			"host port 8080/tcp is not mapped: no such rule in chain hostports of " + table},
		"a family": {"nft delete table ip6 cni_hostport", "chain prerouting of " + other + " is empty; chain output of " + other + " is empty; " +
			"chain hostports_all of " + other + " is empty; host port 8080/tcp is not mapped: no such rule in chain hostports of " + other + "; " +
			"host port [::]:8054/tcp is not mapped: no such rule in chain hostports of " + other + "; not masqueraded: no such rule in chain masquerading of " + other},
		"all": {"nft flush ruleset", "chain prerouting of table inet cni_plugins_portmap has 0 of"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			n.Container(t, "cid1")
			addUpstreams(t, n, "cid1", "2")
			addUpstreams(t, n, "cid2", "3")
			call := portmapCall("cid1", backendKey("nftables"), goldenMappings, "10.50.0.2/24", "fd50::2/64")
			n.Exec(t, "sh", "-ec", `delete() { # chain, words of a rule of the container's
				handle=$(nft -a list chain ip cni_hostport $1 | grep "$2.*cid1" | sed 's/.*handle //')
				nft delete rule ip cni_hostport $1 handle $handle; }
				`+test.change)
			err := n.Run(t, "CHECK", call).Err()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// GC removes upstream's rules of containers that are gone, DEL those of its own. Upstream's
// rules do not say of which network they are: those for an address that an interface has,
// wherever on the node, may be another network's.
func TestPortmapCollectsUpstreamsNFTables(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	for i, name := range []string{"valid", "stale", "foreign"} {
		addUpstreams(t, n, name, fmt.Sprint(i+2))
	}
	n.Container(t, "foreign").Exec(t, "sh", "-ec", "ip address add 10.50.0.4/24 dev lo; ip address add fd50::4/64 dev lo")
	n.Container(t, "valid")
	count := func(when string, want map[string]int) {
		t.Helper()
		rules := n.Exec(t, "nft", "list", "ruleset")
		for name, want := range want {
			if have := strings.Count(rules, `comment "`+name+`"`); have != want {
				t.Errorf("%s: %d rules of %s, want %d", when, have, name, want)
			}
		}
	}
	call := portmapCall("valid", backendKey("nftables"), goldenMappings, "10.50.0.2/24", "fd50::2/64")
	for range 2 {
		n.Must(t, "GC", call.With("cni.dev/valid-attachments", []byte(`[{"containerID": "valid", "ifname": "eth0"}]`)))
		count("after GC", map[string]int{"valid": 7, "stale": 0, "foreign": 7})
	}
	n.Must(t, "CHECK", call)
	for range 2 {
		n.Must(t, "DEL", call.With("runtimeConfig", nil).With("prevResult", nil))
		count("after DEL", map[string]int{"valid": 0, "stale": 0, "foreign": 7})
	}
}

// iptables of either variant makes the same rules, with at most one process that
// reads and one that writes for each family; nftables needs none.
func TestPortmapProcesses(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			n.Exec(t, "sh", "-ec", "ip link add br0 type bridge; ip addr add 10.50.0.1/24 dev br0; ip link set br0 up")
			n.Container(t, "cid1")
			n.Container(t, "cid2")
			path := "PATH=" + toolsOf(t, n, variant) + ":" + os.Getenv("PATH")
			call := portmapCall("cid1", backendKey("iptables"), goldenMappings, "10.50.0.2/24", "fd50::2/64")
			next := portmapCall("cid2", backendKey("iptables")+ignoring, goldenMappings, "10.50.0.3/24", "fd50::3/64")
			without := portmapCall("cid2", backendKey("iptables"), "", "10.50.0.3/24", "fd50::3/64")
			for _, step := range []struct {
				what, verb  string
				call        node.Call
				nft, legacy int
			}{
				{"first", "ADD", call, 2, 2}, {"next", "ADD", next, 2, 4}, {"again", "ADD", next, 0, 2}, {"", "CHECK", call, 0, 2},
				{"", "DEL", next, 0, 4}, {"without mappings", "ADD", without, 0, 0}, {"last", "DEL", call, 0, 4}, {"nothing", "DEL", call, 0, 2},
			} {
				step.call.Env = []string{path}
				list := programs(t, n, step.verb, step.call)
				most := step.nft
				if variant == "legacy" {
					most = step.legacy
				}
				if len(list) > most {
					t.Errorf("%s %s runs %d tools, want at most %d: %q", step.what, step.verb, len(list), most, list)
				}
			}
		})
	}
}

// Fifty containers come and go at once.
func TestPortmapParallel(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		var calls []node.Call
		for i := range 50 {
			name := fmt.Sprint("c", i)
			n.Container(t, name)
			// Each port has two that want it.
			mapping := fmt.Sprintf(`{"hostPort": %d, "containerPort": 80, "protocol": "tcp"}`, 8000+i/2)
			calls = append(calls, portmapCall(name, backendKey(backend)+ignoring, mapping, fmt.Sprintf("10.50.0.%d/24", i+2), fmt.Sprintf("fd50::%x/64", i+2)))
		}
		rounds := 2
		for range rounds {
			start := time.Now()
			atOnce(t, n, "ADD", calls)
			added := time.Since(start)
			atOnce(t, n, "CHECK", calls)
			start = time.Now()
			atOnce(t, n, "DEL", calls)
			t.Logf("ADD %v, DEL %v", added, time.Since(start))
		}
		if rules := n.Exec(t, "sh", "-ec", "nft list ruleset; iptables-save; ip6tables-save"); strings.Contains(rules, "CNI-DN") || strings.Contains(rules, "elements") {
			t.Errorf("left behind:\n%s", rules)
		}
		if files := n.Exec(t, "ls", "/run/cni/portmap"); files != "claims\nlock\n" {
			t.Errorf("left behind: %s", files)
		}
		if claims := n.Exec(t, "sh", "-c", "tr -d '\\0' </run/cni/portmap/claims | wc -c"); claims != "0\n" {
			t.Errorf("numbers of ports that are not 0: %s", claims)
		}
	})
}

// Without space for its records, an ADD says so and leaves nothing; what is mapped can
// be unmapped.
func TestPortmapFull(t *testing.T) {
	t.Parallel()
	for _, backend := range kernelBackends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			n.Exec(t, "sh", "-ec", "mkdir /run/cni; mount -t tmpfs -o size=1m none /run/cni")
			call := func(name string, port int) node.Call {
				n.Container(t, name)
				mappings := fmt.Sprintf(`{"hostPort": %d, "containerPort": 80, "protocol": "udp"}`, port)
				return portmapCall(name, backendKey(backend), mappings, "10.50.0.2/24")
			}
			one, other := call("one", 8080), call("other", 50000)
			n.Must(t, "ADD", one)
			before := n.State(t)
			n.Exec(t, "sh", "-c", "cat /dev/zero >/run/cni/filler 2>/dev/null || true")
			const want = "write /run/cni/portmap/claims: no space left on device"
			if err := n.Run(t, "ADD", other).Err(); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			n.Must(t, "DEL", other)
			n.Must(t, "CHECK", one)
			n.Exec(t, "rm", "/run/cni/filler")
			if diff := hoststate.Diff(before, n.State(t)); diff != "" {
				t.Errorf("after an ADD without space:\n%s", diff)
			}
			n.Exec(t, "sh", "-c", "cat /dev/zero >/run/cni/filler 2>/dev/null || true")
			n.Must(t, "DEL", one)
			n.Must(t, "DEL", one)
			n.Exec(t, "rm", "/run/cni/filler")
			n.Must(t, "ADD", other)
			n.Must(t, "DEL", other)
		})
	}
}

// STATUS says whether there is a backend to work with.
func TestPortmapStatus(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	for _, backend := range kernelBackends {
		call := portmapCall("c", backendKey(backend), "")
		n.Must(t, "STATUS", call)
		call = call.With("markMasqBit", []byte("77"))
		if err := n.Run(t, "STATUS", call).Err(); err == nil {
			t.Error("STATUS accepts an invalid configuration")
		}
	}
}
