package integration

import (
	"errors"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/node"
)

// The kernel puts a number into a name with a %, so that nobody would find the link
// again: ADD makes none, and DEL has nothing to do.
func TestNamesWithPercent(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		n := node.New(t)
		s.prepare(t, n)
		c := s.container(t, n, "c")
		before := n.State(t, c)
		plain := s.call(latest, c.Path)
		named := plain
		named.IfName = "eth%d"
		calls := map[uint]node.Call{types.ErrInvalidEnvironmentVariables: named}
		switch s.plugin {
		case "bridge":
			calls[types.ErrInvalidNetworkConfig] = plain.With("bridge", []byte(`"br%d"`))
		case "vrf":
			calls = map[uint]node.Call{types.ErrInvalidNetworkConfig: plain.With("vrfname", []byte(`"vrf%d"`))}
		case "bandwidth", "firewall", "host-local", "loopback", "portmap", "sbr", "static", "tuning":
			return // they make no link of that name
		}
		for code, call := range calls {
			var printed *types.Error
			if err := n.Run(t, "ADD", call).Err(); !errors.As(err, &printed) || printed.Code != code {
				t.Errorf("ADD: %v, want code %d", err, code)
			}
			n.Must(t, "DEL", call)
			expectRestored(t, n, before, "after ADD and DEL", c)
		}
	})
}
