package integration

import (
	"encoding/json"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/integration/node"
)

// Host and container reach each other in both families with the first packet
// after ADD, without an answer to wait for or an address to settle.
func TestFirstPacket(t *testing.T) {
	t.Parallel()
	for name, ping := range map[string]func(*testing.T, *node.Node, *node.Container, *current.IPConfig){
		"from the container": func(t *testing.T, n *node.Node, c *node.Container, ip *current.IPConfig) {
			c.Exec(t, "ping", "-c1", "-W5", ip.Gateway.String())
		},
		"from the host": func(t *testing.T, n *node.Node, c *node.Container, ip *current.IPConfig) {
			n.Exec(t, "ping", "-c1", "-W5", ip.Address.IP.String())
		},
	} {
		for i, family := range []string{"IPv4", "IPv6"} {
			t.Run(family+" "+name, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				c := n.Container(t, "c")
				result := add(t, n, subjects[0].call(latest, c.Path))
				if len(result.IPs) != 2 {
					t.Fatalf("got %d addresses, want 2", len(result.IPs))
				}
				ping(t, n, c, result.IPs[i])
			})
		}
	}
}

// Containers reach each other through the host, which ADD makes a router.
func TestForwarding(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	one, other := n.Container(t, "one"), n.Container(t, "other")
	add(t, n, subjects[0].call(latest, one.Path))
	call := subjects[0].call(latest, other.Path)
	call.ContainerID = "other"
	for _, ip := range add(t, n, call).IPs {
		one.Exec(t, "ping", "-c1", "-W5", ip.Address.IP.String())
	}
}

// add calls ADD and returns its result.
func add(t *testing.T, n *node.Node, call node.Call) *current.Result {
	t.Helper()
	var result current.Result
	if err := json.Unmarshal(n.Must(t, "ADD", call), &result); err != nil {
		t.Fatal(err)
	}
	return &result
}
