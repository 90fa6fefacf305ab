package integration

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// maxBadFaults is after how many faults with a bad end a walk gives up.
const maxBadFaults = 5

var (
	// errLeft says that something of an attachment is left behind its DEL, or a failed ADD.
	errLeft = errors.New("left behind")
	// errStuck says that a container cannot be attached any more.
	errStuck = errors.New("stuck")
)

// site is a host with a container on which faults happen, again and again as
// long as each leaves it as it was.
type site struct {
	subject   subject
	node      *node.Node
	container *node.Container
	// call is that of the subject, before those of the plugins behind it.
	call   node.Call
	before hoststate.State
	// lasting is what a failed ADD may leave different.
	lasting *regexp.Regexp
	// after is how the runtime cleans up.
	after aftermath
	// kills is at which of their calls the DELs that clean up were killed.
	kills int
}

// newSite makes a site on which the plugin has run before, so that what it makes
// once for all attachments is there.
func newSite(t *testing.T, s subject) *site {
	t.Helper()
	n := node.New(t)
	s.prepare(t, n)
	at := &site{subject: s, node: n, lasting: node.Lasting()}
	at.enter(t)
	if s.exact {
		at.lasting = index()
	}
	if err := at.readd(t); err != nil {
		t.Fatal(err)
	}
	at.before = n.State(t, at.container)
	return at
}

// enter makes the container.
func (at *site) enter(t *testing.T) {
	t.Helper()
	at.container = at.subject.container(t, at.node, "c")
	at.call = at.subject.call(latest, at.container.Path)
}

// calls are those of all plugins, in the order of the configuration.
func (at *site) calls() []node.Call {
	calls := []node.Call{at.call}
	for _, s := range at.subject.then {
		calls = append(calls, s.call(latest, at.container.Path))
	}
	return calls
}

// removals are those of the plugins' DEL, in the order of a runtime.
func (at *site) removals() []node.Call {
	calls := at.calls()
	slices.Reverse(calls)
	if at.after.loses() {
		for i := range calls {
			calls[i].Netns = "/run/netns/missing"
		}
	}
	return calls
}

// behind returns the call of a plugin with what the one before has returned, if there
// is one.
func behind(result []byte, call node.Call) node.Call {
	if result == nil {
		return call
	}
	return call.With("prevResult", result)
}

// add calls ADD of some plugins, behind one that has returned a result, and returns what
// the last one returns.
func (at *site) add(t *testing.T, result []byte, calls ...node.Call) ([]byte, error) {
	t.Helper()
	for _, call := range calls {
		out := at.node.Run(t, "ADD", behind(result, call))
		if err := out.Err(); err != nil {
			return nil, fmt.Errorf("ADD of %s: %w", call.Plugin, err)
		}
		result = out.Stdout
	}
	return result, nil
}

// remove calls DEL of all plugins.
func (at *site) remove(t *testing.T, removals ...node.Call) error {
	t.Helper()
	for _, call := range removals {
		if err := at.node.Run(t, "DEL", call).Err(); err != nil {
			return fmt.Errorf("DEL of %s: %w", call.Plugin, err)
		}
	}
	return nil
}

// readd attaches the container and detaches it.
func (at *site) readd(t *testing.T) error {
	t.Helper()
	_, err := at.add(t, nil, at.calls()...)
	if err == nil {
		err = at.remove(t, at.removals()...)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errStuck, err)
	}
	return nil
}

// changed tells how the site differs from before.
func (at *site) changed(t *testing.T, ignore ...*regexp.Regexp) error {
	t.Helper()
	if diff := hoststate.Diff(at.before, at.node.State(t, at.container), ignore...); diff != "" {
		return fmt.Errorf("%w:\n%s", errLeft, diff)
	}
	return nil
}

// del calls DEL, which must restore the site but for what lasts: that is new
// for the next fault.
func (at *site) del(t *testing.T) error {
	t.Helper()
	if err := at.remove(t, at.removals()...); err != nil {
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	if err := at.changed(t, node.Lasting()); err != nil {
		return err
	}
	at.before = at.node.State(t, at.container)
	return nil
}

// walk lets each step of a plugin fail in turn and reports the faults whose end
// is bad.
func walk(t *testing.T, s subject, kind faults.Kind, step func(*testing.T, *site, faults.Fault) (*faults.Point, error)) {
	t.Parallel()
	walkFault(t, s, faults.Fault{Kind: kind}, "DEL", step)
}

// walkFault walks one fault, and counts what comes of it for a verb in the report.
func walkFault(t *testing.T, s subject, f faults.Fault, verb string, step func(*testing.T, *site, faults.Fault) (*faults.Point, error)) {
	at, bad, row := newSite(t, s), 0, row{subject: s.name(), verb: verb}
	defer row.write(t)
	faults.Walk(t, f, func(f faults.Fault) *faults.Point {
		f.Own = s.delegated
		hit, err := step(t, at, f)
		row.count(hit, err)
		if err != nil {
			t.Errorf("%v at %v: %v", f, hit, err)
			if bad++; bad == maxBadFaults {
				t.Fatal("too many bad ends")
			}
			at = newSite(t, s)
		}
		return hit
	})
	t.Logf("%d faults", row.points)
}
