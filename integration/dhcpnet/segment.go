// Package dhcpnet gives tests a network with real DHCP servers, and the daemon
// of the plugin dhcp.
package dhcpnet

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// Segment is a bridge of a node with a server's namespace behind it.
type Segment struct {
	*node.Container
	node *node.Node
	// Bridge is the name of the bridge.
	Bridge string
	// Net is what the addresses begin with, "10.1.2".
	Net string
	// dir has the server's files.
	dir string
}

// NewSegment makes a bridge. Nothing on the host has a link-local address. The
// server's interface is called eth0 and has the address net.1/24.
func NewSegment(t testing.TB, n *node.Node, bridge, net string) *Segment {
	t.Helper()
	s := &Segment{n.Container(t, "server-"+bridge), n, bridge, net, t.TempDir()}
	n.Exec(t, "sh", "-ec", fmt.Sprintf(`
		ip link add %[1]s type bridge
		ip link set %[1]s addrgenmode none
		ip link set %[1]s up
		ip link add s-%[1]s type veth peer name eth0 netns server-%[1]s
		ip link set s-%[1]s addrgenmode none
		ip link set s-%[1]s master %[1]s up
		ip -n server-%[1]s addr add %[2]s.1/24 dev eth0
		ip -n server-%[1]s link set eth0 up
		ip -n server-%[1]s link set lo up
		until [ "$(cat /sys/class/net/s-%[1]s/brport/state)" = 3 ]; do sleep 0.01; done # forwarding`, bridge, net))
	return s
}

// Plug makes an interface called name in a container, with its other end in the
// bridge. It is down.
func (s *Segment) Plug(t testing.TB, c *node.Container, name string) {
	t.Helper()
	ns := filepath.Base(c.Path)
	s.node.Exec(t, "sh", "-ec", fmt.Sprintf(`
		ip link add p-%[1]s-%[2]s type veth peer name %[2]s netns %[1]s
		ip link set p-%[1]s-%[2]s addrgenmode none
		ip link set p-%[1]s-%[2]s master %[3]s up`, ns, name, s.Bridge))
}

// require ends the test if a program is not installed.
func require(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%v (see test_linux.sh)", err)
	}
}
