package dhcp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// Somebody has changed the network's name since ADD: DEL gives the lease back all the same,
// and neither GC nor the DEL of another container touches it.
func TestRenamedNetwork(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(50, 60))
	dhcpnet.Daemon(t, n)
	c, other := plugged(t, n, s, "c"), n.Container(t, "other")
	_, before := add(t, n, c, call(c, ""))
	after := call(c, "").With("name", []byte(`"after"`))
	n.Must(t, "GC", node.Call{Plugin: "dhcp", Config: after.With("cni.dev/valid-attachments", []byte("[]")).Config})
	for _, change := range []func(*node.Call){
		func(c *node.Call) { c.ContainerID = "another" },
		func(c *node.Call) { c.IfName = "eth1" },
		func(c *node.Call) { c.Netns = other.Path },
		func(c *node.Call) { c.Netns = "" },
	} {
		foreign := after
		change(&foreign)
		n.Must(t, "DEL", foreign)
	}
	n.Must(t, "CHECK", before)
	for range 2 {
		n.Must(t, "DEL", after)
	}
	if leases := dhcpnet.Leases(t, n); len(leases) > 0 {
		t.Errorf("after DEL: %v", leases)
	}
	eventually(t, limit, func() string {
		if lines := strings.Count(s.LeaseFile(t), "\n"); lines > 0 {
			return fmt.Sprintf("the server has %d leases", lines)
		}
		return ""
	})
}
