package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// soakVariable names the environment variable with the number of cycles of a real soak.
const soakVariable = "CNI_TEST_SOAK"

const (
	// soakPods are how many containers of a node come and go beside each other.
	soakPods = 4
	// soakSamples are how often a real soak is measured, in five parts.
	soakSamples = 25
	// soakGC is after how many of its cycles each container has garbage collected.
	soakGC = 50
)

// soakNetwork is the full chain by one backend.
func soakNetwork(backend string) podNetwork {
	return podNetwork{"soak-" + backend, []string{
		fmt.Sprintf(`"type": "bridge", "bridge": "soak0", "isDefaultGateway": true, "ipMasq": true, "ipMasqBackend": %q,
			"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.66.0.0/24"}], [{"subnet": "fd66::/120"}]]}`, backend),
		fmt.Sprintf(`"type": "portmap", "backend": %q`, backend),
		fmt.Sprintf(`"type": "firewall", "backend": %q`, backend),
		`"type": "bandwidth", "ingressRate": 8000000, "ingressBurst": 800000, "egressRate": 8000000, "egressBurst": 800000`,
		`"type": "tuning", "mtu": 1400, "sysctl": {"net.ipv4.conf.IFNAME.proxy_arp": "1"}`,
	}}
}

// Containers come and go again and again, on a node for each backend, and whatever that takes
// of the host stays as it is: the mean of the last fifth of the samples is that of the second
// one. By default they do so a few times, and only what can be counted is looked at.
func TestSoak(t *testing.T) {
	t.Parallel()
	s, samples := &soak{t: t}, 5
	cycles := fromEnvironment(t, soakVariable)
	if cycles > 0 {
		s.kernel, samples = newKernelMemory(t), soakSamples
	}
	for _, backend := range kernelBackends {
		s.nodes = append(s.nodes, newSoakNode(t, backend))
	}
	each := max(1, cycles/(samples*soakPods*len(s.nodes)))
	begin := time.Now()
	for range samples {
		var running sync.WaitGroup
		for _, n := range s.nodes {
			for i := range n.pods {
				running.Go(func() { n.cycle(t, i, each) })
			}
		}
		running.Wait()
		if t.Failed() {
			return
		}
		s.cycles += each * soakPods * len(s.nodes)
		s.sample()
	}
	for _, grown := range s.grown() {
		t.Errorf("grown: %s", grown)
	}
	s.write(time.Since(begin))
}

// soakNode is a node whose pods come and go.
type soakNode struct {
	*node.Node
	network    podNetwork
	containers []*node.Container
	pods       []pod
}

func newSoakNode(t *testing.T, backend string) *soakNode {
	n := &soakNode{Node: node.New(t), network: soakNetwork(backend)}
	for i := range soakPods {
		id := fmt.Sprint("pod-", i)
		c := n.Container(t, id)
		n.containers = append(n.containers, c)
		n.pods = append(n.pods, pod{network: n.network, id: id, netns: c.Path, hostPort: 8000 + i})
	}
	return n
}

// cycle has a pod come and go some times.
func (n *soakNode) cycle(t *testing.T, number, times int) {
	p := n.pods[number]
	for i := range times {
		var result []byte
		verbs := []string{"ADD", "CHECK", "DEL"}
		if i%soakGC == 0 {
			verbs = []string{"ADD", "CHECK", "GC", "CHECK", "DEL"}
		}
		for _, verb := range verbs {
			var err error
			if verb == "GC" {
				err = n.collect(t)
			} else {
				result, err = p.run(t, n.Node, verb, result, nil)
			}
			if err != nil {
				t.Errorf("%s: %v", p.id, err)
				return
			}
		}
	}
}

// collect calls GC, for which all pods are valid.
func (n *soakNode) collect(t *testing.T) error {
	var valid []string
	for _, p := range n.pods {
		valid = append(valid, fmt.Sprintf(`{"containerID": %q, "ifname": "eth0"}`, p.id))
	}
	for number := range n.network.plugins {
		call := n.pods[0].call(t, number, nil).With("cni.dev/valid-attachments", []byte("["+strings.Join(valid, ", ")+"]"))
		if err := n.Run(t, "GC", call).Err(); err != nil {
			return fmt.Errorf("GC of %s: %w", call.Plugin, err)
		}
	}
	return nil
}

// One of something that is left in each part of a soak has it grow; what goes up and down, others'
// things, and what comes with the first part do not.
func TestGrown(t *testing.T) {
	t.Parallel()
	s := &soak{gauges: []*gauge{{name: "leak"}, {name: "noise", slack: 0.1}, {name: "others'", shared: true}, {name: "once"}}}
	for i := range int64(10) {
		s.samples = append(s.samples, []int64{100 + i/2, 100 + i%2*20, i, min(i, 2)})
	}
	if diff := cmp.Diff([]string{"leak: from 101.0 to 104.0"}, s.grown()); diff != "" {
		t.Error(diff)
	}
}

// What the kernel keeps for a node shows in the control group of the test.
func TestKernelMemory(t *testing.T) {
	if !node.OwnKernel() {
		t.Skip("kernel lacks control groups that a test may change")
	}
	k := newKernelMemory(t)
	before, err := k.read()
	if err != nil {
		t.Fatal(err)
	}
	node.New(t).Exec(t, "sh", "-ec", "for i in $(seq 5000); do echo route add 10.0.$((i / 250)).$((i % 250)) dev lo table 7; done | ip -batch -")
	after, err := k.read()
	if err != nil || after < before+200 {
		t.Errorf("from %d KiB to %d with 5,000 routes: %v", before, after, err)
	}
}
