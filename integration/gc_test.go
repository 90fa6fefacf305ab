package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// GC takes away what belongs to an attachment that the runtime does not list as
// valid, and leaves the valid one and other networks alone.
func TestGC(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		n := node.New(t)
		s.prepare(t, n)
		valid, other, stale := s.container(t, n, "valid"), s.container(t, n, "other"), s.container(t, n, "stale")
		keep := s.call(latest, valid.Path)
		foreign := s.call(latest, other.Path).With("name", []byte(`"other"`))
		// Two networks of a host have no address in common, and no bridge or VLAN.
		foreign.Config = strings.NewReplacer("10.1.2.", "10.1.3.", "fd00:1:2:", "fd00:1:3:", `"br0"`, `"br1"`, `"vlanId":100`, `"vlanId":101`).Replace(foreign.Config)
		forgotten := s.call(latest, stale.Path)
		// A VLAN of a master has one interface.
		forgotten.Config = strings.Replace(forgotten.Config, `"vlanId":100`, `"vlanId":102`, 1)
		forgotten.ContainerID = "forgotten"
		result := n.Must(t, "ADD", keep)
		n.Must(t, "ADD", foreign)
		before := n.State(t)
		n.Must(t, "ADD", forgotten)

		list := fmt.Sprintf(`{"containerID": %q, "ifname": %q}`, keep.ContainerID, keep.IfName)
		all := n.State(t)
		for _, entry := range []string{`null`, `{}`, `{"containerID": "forgotten"}`, `{"ifname": "eth0"}`} {
			err := n.Run(t, "GC", listing(keep, list, entry)).Err()
			if e, ok := err.(*types.Error); !ok || e.Code != types.ErrInvalidNetworkConfig {
				t.Errorf("GC with entry %s: %v", entry, err)
			}
			if diff := hoststate.Diff(all, n.State(t)); diff != "" {
				t.Errorf("after GC with entry %s:\n%s", entry, diff)
			}
		}
		gc := listing(keep, list)
		for range 2 {
			if out := n.Must(t, "GC", gc); len(out) > 0 {
				t.Errorf("GC prints %q", out)
			}
			if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late()); diff != "" {
				t.Errorf("after GC:\n%s", diff)
			}
		}
		check(t, n, valid, latest, keep.With("prevResult", result))
	})
}

// listing is a GC of a call's network with the entries as valid attachments.
func listing(c node.Call, entries ...string) node.Call {
	list := "[" + strings.Join(entries, ", ") + "]"
	return node.Call{Plugin: c.Plugin, Config: c.With("cni.dev/valid-attachments", []byte(list)).Config}
}
