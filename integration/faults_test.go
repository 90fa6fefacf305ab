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
	"github.com/containernetworking/plugins/integration/node"
)

// A call in which one step fails, or that is told to terminate, reports it in one error
// and leaves nothing behind, or does without the step and succeeds. Behind one that is
// killed DEL alone restores host and disk, with the container's namespace and without,
// also where it has been killed before itself. Then a container can be attached as before.
//
// By default this is a sample; with CNI_TEST_FAULTS=all each step goes wrong in all ways.
func TestFaults(t *testing.T) {
	t.Parallel()
	eachOf(t, walked(), func(t *testing.T, s subject) {
		for _, c := range s.courses() {
			t.Run(c.name(s), func(t *testing.T) {
				t.Parallel()
				walkFault(t, s, c.fault, c.verb, c.step)
			})
		}
	})
}

// byTool reports whether a fault made iptables write another rule than it was told,
// and end well all the same. iptables 1.8 asks the kernel which revision of a match
// or target it knows, each time through a new socket to nfnetlink. If it does not
// get that, it takes the answer to be no, and an older revision for its own, which it
// may take for the newest later: it writes "--mark 0x2000/0x2000" as "0x2000/0x0", and
// lists what is well in revision 0 of DNAT as "--to-destination 3.0.0.0-0.0.0.0".
// Nothing tells an ADD; CHECK does, and a repair makes it good.
func byTool(kind faults.Kind, hit *faults.Point) bool {
	return kind == faults.Fail && hit != nil && strings.HasPrefix(hit.Process, "xtables") &&
		hit.Call == fmt.Sprintf("socket netlink protocol %d", unix.NETLINK_NETFILTER)
}

// byMoment reports whether a fault kept a parameter from being set, for once. A read-only /proc/sys and
// security modules do so for good (TestHostile): an ADD that can do without goes on, and CHECK asks for the
// parameter where it may be set.
func byMoment(kind faults.Kind, hit *faults.Point) bool {
	return kind == faults.Fail && hit != nil && strings.HasPrefix(hit.Call, "openat /proc/sys/") &&
		slices.Contains([]syscall.Errno{unix.EROFS, unix.EACCES, unix.EPERM}, hit.Errno)
}

// disturbAdd attaches the container while the plugin of a number meets the fault.
func (at *site) disturbAdd(t *testing.T, number int, f faults.Fault) (*faults.Point, error) {
	t.Helper()
	calls := at.calls()
	result, err := at.add(t, nil, calls[:number]...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStuck, err)
	}
	out, hit := at.node.Disturb(t, "ADD", behind(result, calls[number]), f)
	err = out.Err()
	switch {
	case err == nil && (byTool(f.Kind, hit) || byMoment(f.Kind, hit)):
		return hit, nil
	case err == nil:
		return hit, at.complete(t, out.Stdout, calls, number+1)
	case f.Kind == faults.Kill && out.Status.Signal() == syscall.SIGKILL:
		return hit, nil // what is left is for DEL
	case f.Kind == faults.Terminate && out.Status.Signal() == syscall.SIGTERM, node.IsError(err):
		if number > 0 {
			return hit, nil // what those before have made is there
		}
		ignore := at.lasting
		if f.Kind == faults.KillChild {
			ignore = node.Lasting()
		}
		if left := at.changed(t, ignore); left != nil {
			return hit, fmt.Errorf("%w: %w", err, left)
		}
		return hit, nil
	}
	return hit, err
}

// complete attaches the container by the plugins that are left, and checks all of them.
func (at *site) complete(t *testing.T, result []byte, calls []node.Call, from int) error {
	t.Helper()
	result, err := at.add(t, result, calls[from:]...)
	if err != nil {
		return fmt.Errorf("success, but %w", err)
	}
	for _, call := range calls {
		if err := at.node.Run(t, "CHECK", call.With("prevResult", result)).Err(); err != nil {
			return fmt.Errorf("success, but CHECK of %s: %w", call.Plugin, err)
		}
	}
	return nil
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

// disturbDel detaches the container while the plugin of a number meets the fault, of
// those that are detached first.
func (at *site) disturbDel(t *testing.T, number int, f faults.Fault) (*faults.Point, error) {
	t.Helper()
	result, err := at.add(t, nil, at.calls()...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStuck, err)
	}
	at.lose(t)
	removals := at.removals()
	for i := range removals {
		removals[i] = behind(result, removals[i])
	}
	if err := at.remove(t, removals[:number]...); err != nil {
		return nil, err
	}
	out, hit := at.node.Disturb(t, "DEL", removals[number], f)
	err = out.Err()
	switch {
	case err != nil:
		return hit, proper(out, f)
	case len(removals) == 1 && !at.after.loses():
		if left := at.changed(t, node.Lasting()); left != nil {
			return hit, fmt.Errorf("success, but %w", left)
		}
	}
	return hit, at.remove(t, removals[number+1:]...)
}

// proper returns nil if a call ended as one should that a fault has hit: by the signal,
// or with one error.
func proper(out node.Outcome, f faults.Fault) error {
	err := out.Err()
	if out.Status.Signaled() && f.Kind != faults.Fail || node.IsError(err) {
		return nil
	}
	return err
}

// disturbGC collects the attachment while the plugin of a number meets the fault.
func (at *site) disturbGC(t *testing.T, number int, f faults.Fault) (*faults.Point, error) {
	t.Helper()
	if _, err := at.add(t, nil, at.calls()...); err != nil {
		return nil, fmt.Errorf("%w: %w", errStuck, err)
	}
	out, hit := at.node.Disturb(t, "GC", listing(at.calls()[number]), f)
	return hit, proper(out, f)
}

// disturbRepair repairs a ruleset that has been flushed while the plugin of a number meets
// the fault.
func (at *site) disturbRepair(t *testing.T, number int, f faults.Fault) (*faults.Point, error) {
	t.Helper()
	calls := at.calls()
	result, err := at.add(t, nil, calls...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStuck, err)
	}
	at.node.Exec(t, "nft", "flush", "ruleset")
	repair := node.Call{Plugin: calls[number].Plugin, Command: "repair"}
	out, hit := at.node.Disturb(t, "", repair, f)
	switch {
	case byTool(f.Kind, hit):
		at.node.Must(t, "", repair)
	case out.Err() != nil:
		return hit, nil
	}
	if err := at.node.Run(t, "CHECK", calls[number].With("prevResult", result)).Err(); err != nil {
		return hit, fmt.Errorf("success, but CHECK of %s: %w", calls[number].Plugin, err)
	}
	return hit, nil
}

// index matches host-local's index of its files, which is no state of its own.
func index() *regexp.Regexp {
	return regexp.MustCompile(`^files: /var/lib/cni/networks/[^/]+/\.index `)
}
