package integration

import (
	"regexp"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// expectRestored compares the node, with containers, to what it was before, but for
// what lasts.
func expectRestored(t *testing.T, n *node.Node, before hoststate.State, when string, containers ...*node.Container) {
	t.Helper()
	if diff := hoststate.Diff(before, n.State(t, containers...), node.Lasting()); diff != "" {
		t.Errorf("%s:\n%s", when, diff)
	}
}

// cleaned waits until the state of the node is as before: the kernel deletes
// the links of a namespace that is gone some time later.
func cleaned(t *testing.T, n *node.Node, before hoststate.State, ignore ...*regexp.Regexp) {
	t.Helper()
	ignore = append(ignore, node.Lasting())
	var diff string
	if !settled(func() bool { diff = hoststate.Diff(before, n.State(t), ignore...); return diff == "" }) {
		t.Errorf("after DEL:\n%s", diff)
	}
}

// settled waits until something is the case that the kernel does some time later, and
// reports whether it is.
func settled(is func() bool) bool {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if is() {
			return true
		}
	}
	return false
}

// lost are the ways in which a runtime knows less at DEL than it did at ADD.
func lost() map[string]func(node.Call) node.Call {
	netns := func(path string) func(node.Call) node.Call {
		return func(c node.Call) node.Call { c.Netns = path; return c }
	}
	return map[string]func(node.Call) node.Call{
		"netns absent":              netns(""),
		"netns missing":             netns("/run/netns/missing"),
		"netns plain file":          netns("/run/netns/plain"),
		"netns of a dead process":   netns("/proc/4194304/ns/net"), // beyond the largest process id
		"netns of another kind":     netns("/proc/self/ns/uts"),
		"netns file of procfs":      netns("/proc/version"),
		"netns directory of procfs": netns("/proc/self"),
		"netns below a file":        netns("/run/netns/plain/netns"),
		"netns empty": func(c node.Call) node.Call {
			c.Netns, c.Env = "", []string{"CNI_NETNS="}
			return c
		},
		"no prevResult":        func(c node.Call) node.Call { return c.With("prevResult", nil) },
		"configuration broken": func(c node.Call) node.Call { return c.With("dns", []byte(`"no object"`)) },
	}
}

// DEL, twice, gives back all of an attachment whose namespace is gone, or that
// the runtime has forgotten while it is still there. It says nothing: so libcni's GC
// ends what has vanished.
func TestDelWithoutNetns(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for name, lose := range lost() {
			for _, alive := range []bool{false, true} {
				if alive {
					name += ", container alive"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					n := node.New(t)
					n.Exec(t, "touch", "/run/netns/plain")
					s.prepare(t, n)
					before := n.State(t)
					c := s.container(t, n, "c")
					ignored := s.doomed
					if alive {
						before, ignored = n.State(t), s.held
					}
					var ignore []*regexp.Regexp
					if ignored != "" {
						ignore = append(ignore, regexp.MustCompile(ignored))
					}
					call := s.call(latest, c.Path)
					call = lose(call.With("prevResult", n.Must(t, "ADD", call)))
					if !alive {
						c.Remove(t)
					}
					for range 2 {
						out := n.Run(t, "DEL", call)
						if err := out.Err(); err != nil || len(out.Stderr) > 0 {
							t.Fatalf("DEL: %v, standard error %q", err, out.Stderr)
						}
					}
					cleaned(t, n, before, ignore...)
				})
			}
		}
	})
}
