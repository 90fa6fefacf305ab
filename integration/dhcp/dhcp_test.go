// Package dhcp_test tests the plugin dhcp and its daemon with real servers.
package dhcp_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

func TestMain(m *testing.M) { os.Exit(node.Main(m)) }

// call is a call of dhcp for interface eth0 of a container, with further keys of
// its configuration.
func call(c *node.Container, ipam string) node.Call {
	return node.Call{
		Plugin:      "dhcp",
		Config:      `{"cniVersion": "1.1.0", "name": "net", "type": "any", "ipam": {"type": "dhcp"` + ipam + `}}`,
		ContainerID: "container",
		Netns:       c.Path,
		IfName:      "eth0",
	}
}

// add gets a lease and puts its address onto the interface, as a main plugin
// does.
func add(t testing.TB, n *node.Node, c *node.Container, call node.Call) *current.Result {
	t.Helper()
	var result current.Result
	out := n.Must(t, "ADD", call)
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatal(err)
	}
	for _, ip := range result.IPs {
		c.Exec(t, "ip", "addr", "add", ip.Address.String(), "dev", call.IfName)
	}
	return &result
}

func TestLife(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	server := s.Dnsmasq(t, s.Range(50, 60), "--dhcp-option=3,10.1.2.1")
	daemon := dhcpnet.Daemon(t, n)
	c := n.Container(t, "c")
	s.Plug(t, c, "eth0")
	before := n.State(t, c)
	_ = before
	result := add(t, n, c, call(c, ""))
	t.Logf("%v", result)
	raw, _ := json.Marshal(result)
	n.Must(t, "CHECK", call(c, "").With("prevResult", raw))
	t.Logf("%v", dhcpnet.Leases(t, n))
	if s.LeaseFile(t) == "" {
		t.Error("no lease at the server")
	}
	n.Must(t, "DEL", call(c, ""))
	if leases := s.LeaseFile(t); leases != "" && !strings.HasPrefix(leases, "duid") {
		t.Errorf("after DEL the server has %s", leases)
	}
	t.Log(daemon.Output())
	t.Log(server.Output())
}
