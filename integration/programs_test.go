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

// Each verb starts, for each family of addresses, one program of iptables that
// reads and one that writes at most, and with nftables none at all.
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
					counts := map[string]int{}
					for _, name := range programs(t, n, step.verb, step.call) {
						tool, suffix, _ := strings.Cut(name, "-")
						if suffix != "restore" {
							tool += " that reads"
						}
						if counts[tool]++; counts[tool] > 1 || backend == "nftables" {
							t.Errorf("%s of %s%s starts %s for the %d. time", step.verb, step.call.ContainerID, step.call.Command, name, counts[tool])
						}
					}
				}
			})
		}
	}
}
