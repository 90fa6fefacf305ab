package doctor

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// A gateway with an address of its link alone is asked on that link.
func TestLinkLocalGateway(t *testing.T) {
	n := node.New(t)
	c := n.Container(t, "c")
	n.Exec(t, "sh", "-ec", `ip link add outside type veth peer name eth0 netns c
		ip address add fe80::1/64 dev outside nodad; ip link set outside up
		ip -n c address add fe80::2/64 dev eth0 nodad; ip -n c link set eth0 up`)
	err := c.Do(func() error {
		gateway := netip.MustParseAddr("fe80::1")
		if try(gateway, "eth1", echo) == nil {
			return errors.New("asked on an interface that there is not")
		}
		return try(gateway, "eth0", echo)
	})
	if err != nil {
		t.Error(err)
	}
}
