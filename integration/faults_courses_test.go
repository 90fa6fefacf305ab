package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// course is what goes wrong in a verb of a plugin, and what the runtime does then.
type course struct {
	verb string
	// number of the plugin, in the order in which the verb calls them.
	number int
	fault  faults.Fault
	after  aftermath
}

// aftermath is how a runtime cleans up behind a call that went wrong: by DEL, and then it
// attaches a container again.
type aftermath struct {
	// forgotten means that the runtime does not know the namespace any more, which lives.
	forgotten bool
	// removed means that the namespace is gone.
	removed bool
	// killed means that a first DEL is killed.
	killed bool
}

// loses reports whether DEL does without the namespace.
func (a aftermath) loses() bool { return a.forgotten || a.removed }

// repairing are the plugins with a command that makes again what was flushed.
var repairing = []string{"bridge", "firewall", "ipvlan", "macvlan", "portmap", "ptp"}

// courses are those that are walked for a subject.
func (s subject) courses() []course {
	var all []course
	plugins := append([]subject{s}, s.then...)
	for number := range plugins {
		for _, verb := range []string{"ADD", "DEL"} {
			for _, f := range s.faults() {
				all = append(all, course{verb: verb, number: number, fault: f})
			}
			for _, after := range aftermaths() {
				if after.forgotten && s.plugin == "vlan" {
					continue // the VLAN has but one interface, which lives
				}
				all = append(all, course{verb, number, faults.Fault{Kind: faults.Kill}, after})
			}
		}
		for _, f := range s.faults() {
			if f.Kind != faults.Fail && f.Kind != faults.Kill {
				continue
			}
			all = append(all, course{verb: "GC", number: number, fault: f})
			if slices.Contains(repairing, plugins[number].plugin) && s.services == nil {
				all = append(all, course{verb: "repair", number: number, fault: f})
			}
		}
	}
	if len(s.then) > 0 && !faults.All() { // most steps are those of the plugins alone
		all = slices.DeleteFunc(all, func(c course) bool { return c.fault.Kind != faults.Kill || c.after != aftermath{} })
	}
	return all
}

// faults are those after which a runtime has all that it needs. Where the plugin needs
// another kernel than the machine's, a slow one, they are those that need no signal
// handling to be tested.
func (s subject) faults() []faults.Fault {
	all := []faults.Fault{{Kind: faults.Fail}, {Kind: faults.Kill}}
	if s.needs != nil {
		return all
	}
	all = append(all, faults.Fault{Kind: faults.Terminate}, faults.Fault{Kind: faults.KillChild})
	errnos := []syscall.Errno{unix.EACCES} // of a security module
	if faults.All() {
		errnos = faults.Errnos
	}
	for _, errno := range errnos {
		all = append(all, faults.Fault{Errno: errno})
	}
	return all
}

func aftermaths() []aftermath {
	all := []aftermath{{killed: true}, {forgotten: true}, {removed: true}}
	if faults.All() {
		all = append(all, aftermath{forgotten: true, killed: true}, aftermath{removed: true, killed: true})
	}
	return all
}

func (c course) name(s subject) string {
	words := []string{c.verb, fmt.Sprint(c.fault)}
	if len(s.then) > 0 {
		words = append(words, fmt.Sprint("plugin ", c.number+1))
	}
	for word, is := range map[string]bool{"forgotten": c.after.forgotten, "removed": c.after.removed, "killed again": c.after.killed} {
		if is {
			words = append(words, word)
		}
	}
	slices.Sort(words[1:])
	return strings.Join(words, " ")
}

func (c course) step(t *testing.T, at *site, f faults.Fault) (*faults.Point, error) {
	t.Helper()
	at.after = c.after
	disturb := map[string]func(*testing.T, int, faults.Fault) (*faults.Point, error){
		"ADD": at.disturbAdd, "DEL": at.disturbDel, "GC": at.disturbGC, "repair": at.disturbRepair,
	}[c.verb]
	hit, err := disturb(t, c.number, f)
	if err != nil {
		return hit, err
	}
	if c.verb == "repair" && byTool(f.Kind, hit) {
		*at = *newSite(t, at.subject) // a rule for all is not what it should be
		return hit, nil
	}
	if c.verb == "ADD" {
		at.lose(t)
	}
	if err := at.cleanUp(t); err != nil {
		return hit, err
	}
	if c.verb == "repair" { // the flush took away what lasts
		return hit, at.added(t)
	}
	if !c.after.loses() {
		err := at.changed(t, node.Lasting())
		if err == nil && c.verb == "ADD" { // behind the others, the next fault begins with one that is whole
			err = at.readd(t)
		}
		if at.subject.exact {
			at.before = at.node.State(t, at.container)
		}
		return hit, err
	}
	return hit, at.replace(t)
}

// lose takes the namespace away if the runtime is to lose it.
func (at *site) lose(t *testing.T) {
	t.Helper()
	if at.after.removed {
		at.container.Remove(t)
	}
}

// cleanUp calls DEL of all plugins, and before that one DEL that is killed if it is to be:
// each time at another call.
func (at *site) cleanUp(t *testing.T) error {
	t.Helper()
	removals := at.removals()
	if at.after.killed {
		number := at.kills % len(removals)
		if err := at.remove(t, removals[:number]...); err != nil {
			return fmt.Errorf("%w: %w", errLeft, err)
		}
		_, hit := at.node.Disturb(t, "DEL", removals[number], faults.Fault{Kind: faults.Kill, N: 1 + at.kills/len(removals)})
		if at.kills++; hit == nil {
			at.kills = 0
		}
	}
	if err := at.remove(t, removals...); err != nil {
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	return nil
}

// replace attaches another container on a host where nothing is left of the one whose
// namespace was lost, and continues on a new host.
func (at *site) replace(t *testing.T) error {
	t.Helper()
	if err := at.added(t); err != nil {
		return err
	}
	other := at.subject.container(t, at.node, "stale")
	at.container, at.call = other, at.subject.call(latest, other.Path)
	if _, err := at.add(t, nil, at.calls()...); err != nil {
		return fmt.Errorf("%w: %w", errStuck, err)
	}
	kills := at.kills
	*at = *newSite(t, at.subject)
	at.kills = kills
	return nil
}

// added tells what there is on the host that was not there before. The kernel deletes what
// is in a namespace that is gone some time later.
func (at *site) added(t *testing.T) error {
	t.Helper()
	ignore := []*regexp.Regexp{node.Lasting(), late(), regexp.MustCompile("^c ")}
	if at.subject.held != "" {
		ignore = append(ignore, regexp.MustCompile(at.subject.held))
	}
	var left string
	settled(func() bool {
		left = ""
		for line := range strings.Lines(hoststate.Diff(at.before, at.node.State(t), ignore...)) {
			if strings.HasPrefix(line, "+") {
				left += line
			}
		}
		return left == ""
	})
	if left != "" {
		return fmt.Errorf("%w:\n%s", errLeft, left)
	}
	return nil
}
