package integration

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/node"
)

// podNetwork is a configuration list as containers of a node have it, with keys of
// plugins. One with portmap maps a port of each of its pods.
type podNetwork struct {
	name    string
	plugins []string
}

// pod is a container that a runtime attaches to a network.
type pod struct {
	network  podNetwork
	id       string
	netns    string
	hostPort int
	// patience is that of each call.
	patience time.Duration
}

// call is that of the plugin of a number, behind one that has returned a result, if any.
func (p pod) call(t testing.TB, number int, result []byte) node.Call {
	t.Helper()
	keys, kind := p.network.plugins[number], ""
	if _, err := fmt.Sscanf(keys, `"type": %q`, &kind); err != nil {
		t.Error(err)
	}
	if kind == "portmap" {
		keys += fmt.Sprintf(`, "runtimeConfig": {"portMappings": [{"hostPort": %d, "containerPort": 80, "protocol": "tcp"}]}`, p.hostPort)
	}
	return behind(result, node.Call{
		Plugin:      kind,
		Config:      fmt.Sprintf(`{"cniVersion": %q, "name": %q, %s}`, latest, p.network.name, keys),
		ContainerID: p.id, Netns: p.netns, IfName: "eth0", Patience: p.patience,
	})
}

// order is that of the plugins' numbers for a verb.
func (p pod) order(verb string) []int {
	var numbers []int
	for i := range p.network.plugins {
		numbers = append(numbers, i)
	}
	if verb == "DEL" {
		slices.Reverse(numbers)
	}
	return numbers
}

// run calls a verb of all plugins in turn, as libcni does: it stops at the first one that
// fails. The result is that of the ADD, which each plugin of another verb gets whole.
// Each call is told to done, which may be nil, with the time it took.
func (p pod) run(t testing.TB, n *node.Node, verb string, result []byte, done func(node.Outcome, time.Duration)) ([]byte, error) {
	t.Helper()
	for _, i := range p.order(verb) {
		begin := time.Now()
		out := n.Run(t, verb, p.call(t, i, result))
		if done != nil {
			done(out, time.Since(begin))
		}
		if err := out.Err(); err != nil {
			return result, fmt.Errorf("%s of %s: %w", verb, p.network.plugins[i], err)
		}
		if verb == "ADD" {
			result = out.Stdout
		}
	}
	return result, nil
}

// fromEnvironment returns the number in an environment variable, 0 if it is not set.
func fromEnvironment(t testing.TB, name string) int {
	t.Helper()
	text, ok := os.LookupEnv(name)
	if !ok {
		return 0
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 {
		t.Fatalf("%s=%s is no number above 0", name, text)
	}
	return number
}
