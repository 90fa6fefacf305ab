package integration

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/integration/node"
)

// A node that starts 100 containers at once and stops them at once.
func TestParallel(t *testing.T) {
	t.Parallel()
	const count = 100
	n := node.New(t)
	var (
		calls      []node.Call
		containers []*node.Container
	)
	for i := range count {
		c := n.Container(t, fmt.Sprint("c", i))
		call := subjects[0].call(latest, c.Path)
		call.ContainerID = fmt.Sprint("container-", i)
		calls, containers = append(calls, call), append(containers, c)
	}
	before := n.State(t, containers...)

	addresses := make(map[string]string)
	for i, out := range atOnce(t, n, "ADD", calls) {
		var result current.Result
		if err := json.Unmarshal(out.Stdout, &result); err != nil {
			t.Fatal(err)
		}
		for _, ip := range result.IPs {
			if other, taken := addresses[ip.Address.String()]; taken {
				t.Errorf("%s and %s have %v", other, calls[i].ContainerID, ip.Address.IP)
			}
			addresses[ip.Address.String()] = calls[i].ContainerID
		}
		calls[i] = calls[i].With("prevResult", out.Stdout)
	}
	if len(addresses) != 2*count {
		t.Errorf("%d addresses, want %d", len(addresses), 2*count)
	}
	atOnce(t, n, "CHECK", calls)
	atOnce(t, n, "DEL", calls)
	expectRestored(t, n, before, "after DEL", containers...)
}

// atOnce makes all calls beside each other and ends the test if one fails.
func atOnce(t *testing.T, n *node.Node, command string, calls []node.Call) []node.Outcome {
	t.Helper()
	outcomes := make([]node.Outcome, len(calls))
	var running sync.WaitGroup
	for i, call := range calls {
		running.Go(func() { outcomes[i] = n.Run(t, command, call) })
	}
	running.Wait()
	for i, out := range outcomes {
		if err := out.Err(); err != nil {
			t.Errorf("%s of %s: %v", command, calls[i].ContainerID, err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return outcomes
}
