package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// flushed is a step of a test in which somebody flushes all rules.
const flushed = "flush"

// toolsOf makes a directory on the node in which iptables is that of a variant, nft
// or legacy, and returns its path.
func toolsOf(t *testing.T, n *node.Node, variant string) string {
	t.Helper()
	n.Exec(t, "sh", "-ec", `mkdir /run/tools; cd /run/tools
		for family in iptables ip6tables; do for suffix in "" -save -restore; do
			ln -s "$(command -v $family-$0$suffix)" $family$suffix
		done; done`, variant)
	return "/run/tools"
}

// programs makes a call, which must succeed, and returns the names of the programs
// that were executed for it, sorted.
func programs(t *testing.T, n *node.Node, verb string, call node.Call) []string {
	t.Helper()
	var names []string
	for _, path := range n.Programs(t, verb, call) {
		names = append(names, filepath.Base(path))
	}
	slices.Sort(names)
	return names
}

// mostPrograms is how many programs of iptables a verb may start for each family, to
// read and to write. The nf_tables variant reads, and removes, by netlink. The legacy one
// is read once more where others who share something may have gone meanwhile.
func mostPrograms(variant, verb string) (reading, writing int) {
	adds := verb == "ADD" || verb == "" // repair
	switch {
	case variant == "iptables-legacy":
		return 2, 1
	case variant == "iptables" && adds:
		return 0, 1
	}
	return 0, 0
}

// expectPrograms makes a call and returns how many programs read. The delegate for
// addresses does not count.
func expectPrograms(t *testing.T, n *node.Node, verb string, call node.Call, variant string) int {
	t.Helper()
	reading, writing := mostPrograms(variant, verb)
	counts, read := map[string]int{}, 0
	for _, name := range programs(t, n, verb, call) {
		if name == "static" {
			continue
		}
		tool, suffix, _ := strings.Cut(name, "-")
		most := writing
		if suffix != "restore" {
			tool, most = tool+" that reads", reading
			read++
		}
		if counts[tool]++; counts[tool] > most {
			t.Errorf("%s of %s%s starts %s for the %d. time", verb, call.ContainerID, call.Command, name, counts[tool])
		}
	}
	return read
}

// Each verb starts as few programs as can be.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"iptables", "iptables-legacy", "nftables"} {
		for _, plugin := range []string{"firewall", "portmap"} {
			t.Run(plugin+" "+variant, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				backend, flush, path := variant, "nft flush ruleset", os.Getenv("PATH")
				if variant == "iptables-legacy" {
					backend, path = "iptables", toolsOf(t, n, "legacy")+":"+path
				}
				if backend == "iptables" {
					flush = "PATH=" + path + "; " + flushes[backend][0]
				}
				n.Exec(t, "sh", "-ec", "ip link add br0 type bridge; ip addr add 10.50.0.1/24 dev br0; ip link set br0 up")
				call := func(name string, last int) node.Call {
					n.Container(t, name)
					addresses := []string{fmt.Sprintf("10.50.0.%d/24", last), fmt.Sprintf("fd50::%d/64", last)}
					if plugin == "firewall" {
						return firewallCall(name, backendKey(backend)+`, "ingressPolicy": "isolated"`, addresses...)
					}
					return portmapCall(name, backendKey(backend), strings.ReplaceAll(goldenMappings, "80", fmt.Sprint(80+last)), addresses...)
				}
				one, two := call("one", 2), call("two", 3)
				for _, step := range []struct {
					verb string
					call node.Call
				}{
					{"STATUS", one}, {"ADD", one}, {"ADD", two}, {"CHECK", two}, {"ADD", two}, {"DEL", two}, {"DEL", two},
					{flushed, one}, {"ADD", two}, {"DEL", two}, {"", node.Call{Plugin: plugin, Command: "repair"}}, {"CHECK", one},
					{flushed, one}, {"DEL", one}, {"ADD", two}, {"ADD", one}, {"DEL", two.With("prevResult", nil)},
					{"GC", one.With("cni.dev/valid-attachments", []byte("[]"))},
				} {
					if step.verb == flushed {
						n.Exec(t, "sh", "-ec", flush)
						continue
					}
					step.call.Env = []string{"PATH=" + path}
					expectPrograms(t, n, step.verb, step.call, variant)
				}
			})
		}
	}
}

// So does masquerading, also in an ADD after which no DEL came, of another interface of
// the container and after a flush. Where nothing of the attachment is there, nothing is
// read.
func TestProgramsOfMasquerade(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"iptables", "iptables-legacy", "nftables"} {
		for _, plugin := range []string{"bridge", "ptp"} {
			t.Run(plugin+" "+variant, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				backend, path := variant, os.Getenv("PATH")
				if variant == "iptables-legacy" {
					backend, path = "iptables", toolsOf(t, n, "legacy")+":"+path
				}
				c := n.Container(t, "c")
				call := func(ifName string, subnet, last int) node.Call {
					call := bridgeCall(c, fmt.Sprintf(`"isGateway": true, "ipMasq": true, "ipMasqBackend": %q, "ipam": {"type": "static", "addresses": [
						{"address": "10.1.%d.%d/24", "gateway": "10.1.%d.1"}, {"address": "fd00:1:%d::%d/64", "gateway": "fd00:1:%d::1"}]}`,
						backend, subnet, last, subnet, subnet, last, subnet)).With("type", fmt.Appendf(nil, "%q", plugin))
					call.Plugin, call.IfName, call.Env = plugin, ifName, []string{"PATH=" + path}
					return call.With("bridge", fmt.Appendf(nil, `"br%d"`, subnet))
				}
				first, moved, second := call("eth0", 2, 2), call("eth0", 2, 3), call("eth1", 3, 4)
				emptied, removed := node.Call{Command: flushes[backend][0]}, node.Call{Command: flushes[backend][1]}
				for i, step := range []struct {
					verb  string
					call  node.Call
					fresh bool
				}{
					{"STATUS", first, true}, {"ADD", first, true}, {"ADD", first, false}, {"ADD", moved, false}, {"ADD", second, false},
					{"ADD", first, false}, {"ADD", second, false}, {"DEL", second, false}, {"DEL", second, false},
					{flushed, emptied, false}, {"ADD", first, false}, {flushed, emptied, false}, {"DEL", first, false},
					{"ADD", first, true}, {flushed, removed, false}, {"ADD", moved, true}, {"DEL", first, false}, {"DEL", first, true},
					{"ADD", first, true}, {flushed, removed, false}, {"DEL", first, true}, {"ADD", moved, true}, {flushed, emptied, false},
					{"", node.Call{Plugin: plugin, Command: "repair", Env: first.Env}, false}, {"ADD", second, false},
					{"GC", first.With("cni.dev/valid-attachments", []byte("[]")), false},
				} {
					switch step.verb {
					case flushed:
						n.Exec(t, "sh", "-ec", "PATH="+path+"; "+step.call.Command)
						continue
					case "ADD": // a container that has the interface already gets no other one
						n.Exec(t, "sh", "-c", "ip -n c link del "+step.call.IfName+" 2>/dev/null || true")
					}
					if reading := expectPrograms(t, n, step.verb, step.call, variant); step.fresh && reading > 0 {
						t.Errorf("step %d, %s, starts %d programs that read", i+1, step.verb, reading)
					}
				}
				result := n.Must(t, "ADD", first)
				expectPrograms(t, n, "CHECK", first.With("prevResult", result), variant)
				n.Must(t, "DEL", first)
				n.Must(t, "DEL", second)
				if rules := n.Exec(t, "sh", "-ec", "PATH="+path+"; iptables-save -t nat; ip6tables-save -t nat; nft list ruleset"); strings.Contains(rules, "CNI-") {
					t.Errorf("after the last DEL:\n%s", rules)
				}
			})
		}
	}
}
