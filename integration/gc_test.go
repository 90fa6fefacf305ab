package integration

import (
	"fmt"
	"slices"
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
		foreign := s.ofNetwork(other, "other")
		forgotten := s.beside(stale)
		result := n.Must(t, "ADD", keep)
		n.Must(t, "ADD", foreign)
		state := func() hoststate.State { return n.State(t) }
		if slices.Contains([]string{"sbr", "tuning", "vrf"}, s.plugin) { // the host has notes of what is in containers
			state = func() hoststate.State { return n.State(t, stale) }
		}
		before := state()
		n.Must(t, "ADD", forgotten)

		list := fmt.Sprintf(`{"containerID": %q, "ifname": %q}`, keep.ContainerID, keep.IfName)
		all := state()
		for _, entry := range []string{`null`, `{}`, `{"containerID": "forgotten"}`, `{"ifname": "eth0"}`} {
			err := n.Run(t, "GC", listing(keep, list, entry)).Err()
			if e, ok := err.(*types.Error); !ok || e.Code != types.ErrInvalidNetworkConfig {
				t.Errorf("GC with entry %s: %v", entry, err)
			}
			if diff := hoststate.Diff(all, state(), late()); diff != "" {
				t.Errorf("after GC with entry %s:\n%s", entry, diff)
			}
		}
		gc := listing(keep, list)
		for range 2 {
			out := n.Run(t, "GC", gc)
			if err := out.Err(); err != nil || len(out.Stdout) > 0 || len(out.Stderr) > 0 {
				t.Errorf("GC: %v, prints %q and %q", err, out.Stdout, out.Stderr)
			}
			if diff := hoststate.Diff(before, state(), node.Lasting(), late()); diff != "" {
				t.Errorf("after GC:\n%s", diff)
			}
		}
		check(t, n, valid, latest, keep.With("prevResult", result))
	})
}

// The network net-x has a container c, and the network net one called x-c: libcni keeps
// the results of both in one file, and may hand DEL and CHECK that of the other one. Each
// network frees its own.
func TestHyphens(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		n := node.New(t)
		s.prepare(t, n)
		first, second := s.container(t, n, "valid"), s.container(t, n, "other")
		one := s.call(latest, first.Path)
		one.ContainerID = "x-c"
		two := s.ofNetwork(second, "net-x")
		two.ContainerID = "c"
		n.Must(t, "ADD", two) // makes what lasts
		n.Must(t, "DEL", two)
		empty := n.State(t)
		both := map[string][]byte{"two": n.Must(t, "ADD", two)}
		alone := n.State(t)
		for _, command := range []string{"DEL", "GC"} {
			both["one"] = n.Must(t, "ADD", one)
			check(t, n, first, latest, one.With("prevResult", both["one"]))
			check(t, n, second, latest, two.With("prevResult", both["two"]))
			if command == "DEL" {
				n.Must(t, "DEL", one.With("prevResult", both["two"]))
			} else {
				n.Must(t, "GC", listing(one))
			}
			if diff := hoststate.Diff(alone, n.State(t), node.Lasting(), late()); diff != "" {
				t.Errorf("after %s of the other network:\n%s", command, diff)
			}
			check(t, n, second, latest, two.With("prevResult", both["two"]))
		}
		n.Must(t, "DEL", two.With("prevResult", both["one"]))
		n.Must(t, "DEL", one.With("prevResult", both["two"])) // GC leaves what ends with its container
		cleaned(t, n, empty, late())
	})
}

// ofNetwork is a call for a container of another network than that of the subject. Two
// networks of a host have no address in common, and no bridge, VLAN or port of the host.
func (s subject) ofNetwork(c *node.Container, name string) node.Call {
	call := s.call(latest, c.Path).With("name", fmt.Appendf(nil, "%q", name))
	if s.plugin == "vrf" {
		return call // for an interface that has its addresses already
	}
	call.Config = strings.NewReplacer("10.1.2.", "10.1.3.", "fd00:1:2:", "fd00:1:3:", `"br0"`, `"br1"`, `"vlanId":100`, `"vlanId":101`,
		`:8080`, `:8081`, `:8053`, `:8054`).Replace(call.Config)
	return call
}

// listing is a GC of a call's network with the entries as valid attachments.
func listing(c node.Call, entries ...string) node.Call {
	list := "[" + strings.Join(entries, ", ") + "]"
	return node.Call{Plugin: c.Plugin, Config: c.With("cni.dev/valid-attachments", []byte(list)).Config}
}
