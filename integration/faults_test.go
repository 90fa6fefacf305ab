package integration

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// maxBadFaults is after how many faults with a bad end a walk gives up.
const maxBadFaults = 5

// site is a host with a container on which faults happen, again and again as
// long as each leaves it as it was.
type site struct {
	node      *node.Node
	container *node.Container
	call      node.Call
	before    hoststate.State
	// lasting is what a failed ADD may leave different.
	lasting *regexp.Regexp
}

// newSite makes a site on which the plugin has run before, so that what it makes
// once for all attachments is there.
func newSite(t *testing.T, s subject) *site {
	n := node.New(t)
	s.prepare(t, n)
	c := s.container(t, n, "c")
	at := &site{node: n, container: c, call: s.call(latest, c.Path), lasting: node.Lasting()}
	if s.exact {
		at.lasting = index()
	}
	at.node.Must(t, "ADD", at.call)
	at.node.Must(t, "DEL", at.call)
	at.before = n.State(t, c)
	return at
}

// changed tells how the site differs from before.
func (at *site) changed(t *testing.T, ignore *regexp.Regexp) error {
	t.Helper()
	if diff := hoststate.Diff(at.before, at.node.State(t, at.container), ignore); diff != "" {
		return errors.New("left behind:\n" + diff)
	}
	return nil
}

// del calls DEL, which must restore the site but for what lasts: that is new
// for the next fault.
func (at *site) del(t *testing.T) error {
	t.Helper()
	if err := at.node.Run(t, "DEL", at.call).Err(); err != nil {
		return fmt.Errorf("DEL: %w", err)
	}
	after := at.node.State(t, at.container)
	if diff := hoststate.Diff(at.before, after, node.Lasting()); diff != "" {
		return errors.New("DEL: left behind:\n" + diff)
	}
	at.before = after
	return nil
}

// walk lets each step of a plugin fail in turn and reports the faults whose end
// is bad.
func walk(t *testing.T, s subject, kind faults.Kind, step func(*testing.T, *site, faults.Fault) (*faults.Point, error)) {
	t.Parallel()
	at, bad := newSite(t, s), 0
	count := faults.Walk(t, kind, func(f faults.Fault) *faults.Point {
		f.Own = s.delegated
		hit, err := step(t, at, f)
		if err != nil {
			t.Errorf("%v at %v: %v", kind, hit, err)
			if bad++; bad == maxBadFaults {
				t.Fatal("too many bad ends")
			}
			at = newSite(t, s)
		}
		return hit
	})
	t.Logf("%d faults", count)
}

// faults are the kinds that are walked: where the plugin needs another kernel than
// the machine's, a slow one, those that need no signal handling to be tested.
func (s subject) faults() []faults.Kind {
	switch {
	case s.unwalked:
		return nil
	case s.needs != nil:
		return []faults.Kind{faults.Fail, faults.Kill}
	}
	return []faults.Kind{faults.Fail, faults.Terminate, faults.Kill, faults.KillChild}
}

// An ADD in which one step fails, or that is told to terminate, reports it in
// one error and leaves nothing behind, or does without the step and succeeds.
// One that is killed leaves nothing that DEL does not remove.
func TestFaultsInAdd(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for _, kind := range s.faults() {
			t.Run(kind.String(), func(t *testing.T) { walk(t, s, kind, addStep) })
		}
	})
}

// byTool reports whether a fault made iptables write another rule than it was told,
// and end well all the same. iptables 1.8 asks the kernel which revision of a match
// or target it knows, each time through a new socket to nfnetlink. If it does not
// get that, it takes the answer to be no, and an older revision for its own; but
// some of what it parses is for the newest, so that "--to-destination 10.0.0.1:80"
// becomes "3.0.0.0-0.0.0.0" in revision 0 of DNAT, and "--mark 0x2000/0x2000"
// becomes "0x2000/0x0". Nothing tells an ADD; CHECK does.
func byTool(kind faults.Kind, hit *faults.Point) bool {
	return kind == faults.Fail && hit != nil && strings.HasPrefix(hit.Process, "xtables") &&
		hit.Call == fmt.Sprintf("socket netlink protocol %d", unix.NETLINK_NETFILTER)
}

func addStep(t *testing.T, at *site, f faults.Fault) (*faults.Point, error) {
	out, hit := at.node.Disturb(t, "ADD", at.call, f)
	err := out.Err()
	switch {
	case err == nil:
		err := at.node.Run(t, "CHECK", at.call.With("prevResult", out.Stdout)).Err()
		if err != nil && !byTool(f.Kind, hit) {
			return hit, fmt.Errorf("success, but CHECK: %w", err)
		}
	case f.Kind == faults.Kill && out.Status.Signal() == syscall.SIGKILL:
		// What is left is for DEL.
	case f.Kind == faults.Terminate && out.Status.Signal() == syscall.SIGTERM, node.IsError(err):
		ignore := at.lasting
		if f.Kind == faults.KillChild {
			ignore = node.Lasting()
		}
		if left := at.changed(t, ignore); left != nil {
			return hit, fmt.Errorf("%w: %w", err, left)
		}
	default:
		return hit, err
	}
	return hit, at.del(t)
}

// What an ADD that was killed has left on the host is found without the container's
// namespace, which the runtime has forgotten and which lives: by DEL, and by GC.
func TestKilledAddWithoutNetns(t *testing.T) {
	t.Parallel()
	for _, s := range pairSubjects() {
		for _, command := range []string{"DEL", "GC"} {
			t.Run(s.plugin+" "+command, func(t *testing.T) {
				walk(t, s, faults.Kill, func(t *testing.T, at *site, f faults.Fault) (*faults.Point, error) {
					f.Own = true
					_, hit := at.node.Disturb(t, "ADD", at.call, f)
					blind := at.call.With("cni.dev/valid-attachments", []byte("[]"))
					blind.Netns = "/run/netns/missing"
					if err := at.node.Run(t, command, blind).Err(); err != nil {
						return hit, err
					}
					return hit, at.changed(t, node.Lasting())
				})
			})
		}
	}
}

// A DEL in which one step fails reports it in one error, unless it has restored
// the host all the same. However it was cut off, the next DEL completes it.
func TestFaultsInDel(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for _, kind := range s.faults() {
			t.Run(kind.String(), func(t *testing.T) { walk(t, s, kind, delStep) })
		}
	})
}

func delStep(t *testing.T, at *site, f faults.Fault) (*faults.Point, error) {
	result := at.node.Must(t, "ADD", at.call)
	out, hit := at.node.Disturb(t, "DEL", at.call.With("prevResult", result), f)
	err := out.Err()
	switch {
	case err == nil:
		if left := at.changed(t, node.Lasting()); left != nil {
			return hit, fmt.Errorf("success, but %w", left)
		}
	case out.Status.Signaled() && f.Kind != faults.Fail:
		// What is left is for the next DEL.
	case !node.IsError(err):
		return hit, err
	}
	return hit, at.del(t)
}

// index matches host-local's index of its files, which is no state of its own.
func index() *regexp.Regexp {
	return regexp.MustCompile(`^files: /var/lib/cni/networks/[^/]+/\.index `)
}
