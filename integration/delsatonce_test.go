package integration

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// delsAtOnce deletes each attachment three times beside each other, as a runtime does
// whose first attempt it takes for dead. Each of the calls is a chain, the last plugin
// first. What another DEL took away is gone, and no error.
func delsAtOnce(t *testing.T, n *node.Node, chains [][]node.Call) {
	t.Helper()
	var running sync.WaitGroup
	for _, chain := range chains {
		for range 3 {
			running.Go(func() {
				for _, call := range chain {
					if err := n.Run(t, "DEL", call).Err(); err != nil {
						t.Errorf("%s %s: %v", call.Plugin, call.ContainerID, err)
					}
				}
			})
		}
	}
	running.Wait()
}

func TestDelsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		n, count := node.New(t), 4
		switch s.name() {
		case "host-device", "host-device network":
			s.host = devices("c0", "c1", "c2", "c3")
		case "vlan":
			count = 1 // of a VLAN, only one container can have an interface
		}
		s.prepare(t, n)
		var (
			containers []*node.Container
			chains     [][]node.Call
		)
		for i := range count {
			containers = append(containers, s.container(t, n, fmt.Sprint("c", i)))
		}
		before := n.State(t, containers...)
		for _, c := range containers {
			call := s.call(latest, c.Path)
			call.ContainerID = filepath.Base(c.Path)
			call = call.With("hostPortConflict", []byte(`"ignore"`)) // for portmap, as all have the same
			chains = append(chains, []node.Call{call.With("prevResult", n.Must(t, "ADD", call))})
		}
		delsAtOnce(t, n, chains)
		expectRestored(t, n, before, "after DEL", containers...)
	})
}

// The interface goes while the plugins behind it in the chain look at it.
func TestChainDelsAtOnce(t *testing.T) {
	t.Parallel()
	const vrf = `"type": "vrf", "vrfname": "red"`
	for _, main := range []string{
		`"type": "ptp"`,
		`"type": "bridge", "bridge": "br0"`,
	} {
		for _, metas := range [][]string{
			{`"type": "tuning", "mtu": 1400`, `"type": "bandwidth", "ingressRate": 8000000, "ingressBurst": 800000, "egressRate": 8000000, "egressBurst": 800000`, `"type": "sbr"`},
			{`"type": "firewall", "backend": "nftables"`, `"type": "portmap", "backend": "nftables", "hostPortConflict": "ignore", "runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}`},
			{vrf},
		} {
			t.Run(main+" "+metas[0], func(t *testing.T) {
				t.Parallel()
				n, count, prepare := node.New(t), 60, "true"
				if metas[0] == vrf {
					needsVRF(t, n)
					count = 10                                                     // the kernel that has it is slow
					prepare = "ip link add x type vrf table 9 && ip link delete x" // which leaves a rule
				}
				var containers []*node.Container
				for i := range count {
					c := n.Container(t, fmt.Sprint("c", i))
					c.Exec(t, "sh", "-ec", prepare)
					containers = append(containers, c)
				}
				plugins := append([]string{main}, metas...)
				for _, call := range addChain(t, n, containers[0], plugins) {
					n.Must(t, "DEL", call) // what is left is for all
				}
				before := n.State(t, containers[1:]...)
				var chains [][]node.Call
				for _, c := range containers[1:] {
					chains = append(chains, addChain(t, n, c, plugins))
				}
				delsAtOnce(t, n, chains)
				expectRestored(t, n, before, "after DEL", containers[1:]...)
			})
		}
	}
}

// addChain makes an attachment by the plugins of the keys and returns the calls that
// delete it.
func addChain(t *testing.T, n *node.Node, c *node.Container, plugins []string) []node.Call {
	t.Helper()
	var calls []node.Call
	var result []byte
	for _, keys := range plugins {
		var kind string
		if _, err := fmt.Sscanf(keys, `"type": %q`, &kind); err != nil {
			t.Fatal(err)
		}
		call := node.Call{
			Plugin: kind,
			Config: `{"cniVersion": "1.1.0", "name": "net", ` + keys + `, "ipam": {"type": "host-local",
				"ranges": [[{"subnet": "10.1.0.0/16"}], [{"subnet": "fd00:1::/64"}]], "routes": [{"dst": "0.0.0.0/0"}]}}`,
			ContainerID: filepath.Base(c.Path), Netns: c.Path, IfName: "eth0",
		}
		if result != nil {
			call = call.With("prevResult", result)
		}
		result = n.Must(t, "ADD", call)
		calls = append([]node.Call{call}, calls...)
	}
	for i := range calls {
		calls[i] = calls[i].With("prevResult", result)
	}
	return calls
}
