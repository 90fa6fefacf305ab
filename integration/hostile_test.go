package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// surroundings are what a plugin may find on a node that is not as it should be.
type surroundings struct {
	name string
	// setUp prepares the node, before anything else runs on it.
	setUp string
	// begin makes it so, and end takes that back.
	begin, end string
	// under is a command that runs the plugin.
	under string
	// forgets means that the records of what is attached cannot be seen, so that DEL does
	// without them, as for what upstream has made.
	forgets bool
	// memory is what a control group with the plugin may have, in bytes, 0 for all.
	memory int
	// told means that STATUS tells if no ADD can succeed, of all plugins or of some.
	told bool
	by   []string
	// works means that every verb does what it does elsewhere.
	works bool
}

// own mounts file systems of their own for the state, with an option.
func own(option string) string {
	return fmt.Sprintf("for dir in /run/cni /var/lib/cni; do mkdir -p $dir; mount -t tmpfs -o mode=755%s none $dir; done", option)
}

// remounted is a command about those.
func remounted(how string) string {
	return fmt.Sprintf("for dir in /run/cni /var/lib/cni; do mount -o remount,%s $dir; done", how)
}

// moved puts links of a user in the place of the directories of state.
func moved(user string) (begin, end string) {
	return "for dir in /run/cni /var/lib/cni; do mkdir -p $dir; mv $dir $dir.real; ln -s $dir.real $dir; chown -h " + user + " $dir; done",
		"for dir in /run/cni /var/lib/cni; do rm $dir; mv $dir.real $dir; done"
}

// all does something with all that is in the directories of state.
func all(command string) string {
	return "mkdir -p /run/cni /var/lib/cni; find /run/cni /var/lib/cni -type d -exec " + command + " {} +"
}

// capable runs the plugin as root with no other capabilities than those.
func capable(capabilities string) string { return "setpriv --bounding-set=-all" + capabilities }

// emptied hides a directory.
func emptied(dir string) (begin, end string) {
	return "mount -t tmpfs -o ro none " + dir, "umount " + dir
}

func hostilities() []surroundings {
	tests, _ := os.Executable()
	linked, unlinked := moved("root")
	planted, unplanted := moved("1000")
	noSysctls, sysctls := emptied("/proc/sys")
	noSys, sys := emptied("/sys")
	return []surroundings{
		{name: "links of root", begin: linked, end: unlinked, works: true},
		{name: "links of another user", begin: planted, end: unplanted, told: true},
		{name: "writable for all", begin: all("chmod 777"), end: all("chmod 755"), works: true},
		{name: "of another user", begin: all("chown 1000:1000"), end: all("chown 0:0"), works: true},
		{name: "without space", told: true, setUp: own(",size=2m"),
			begin: "for dir in /run/cni /var/lib/cni; do cat /dev/zero >$dir/filler 2>/dev/null || true; done",
			end:   "rm /run/cni/filler /var/lib/cni/filler"},
		{name: "without inodes", told: true, setUp: own(",nr_inodes=200"),
			begin: "for dir in /run/cni /var/lib/cni; do mkdir $dir/filler; while touch $dir/filler/$((i += 1)) 2>/dev/null; do :; done; done",
			end:   "rm -r /run/cni/filler /var/lib/cni/filler"},
		{name: "read-only", setUp: own(""), begin: remounted("ro"), end: remounted("rw"), told: true},
		{name: "overlay", works: true, setUp: `mount -t tmpfs none /mnt
			for dir in /run/cni /var/lib/cni; do
				mkdir -p $dir /mnt$dir/lower /mnt$dir/upper /mnt$dir/work
				mount -t overlay -o lowerdir=/mnt$dir/lower,upperdir=/mnt$dir/upper,workdir=/mnt$dir/work none $dir
			done`},
		{name: "without proc sys", begin: noSysctls, end: sysctls, told: true,
			by: []string{"firewall", "host-local", "portmap", "sbr", "static", "tuning", "vrf"}},
		{name: "proc sys read-only", told: true, // as in containers
			begin: "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys", end: "umount /proc/sys"},
		{name: "without sys", begin: noSys, end: sys},
		{name: "without run", forgets: true, // but for the namespaces
			begin: `mount -t tmpfs -o mode=755 none /mnt; mkdir /mnt/netns; mount --rbind /run/netns /mnt/netns
				mount -o remount,ro /mnt; mount --rbind /mnt /run`,
			end: "umount -l /run; umount -l /mnt"},
		{name: "eight files", under: "prlimit --nofile=8"},
		{name: "16 MiB of memory", memory: 16 << 20, works: true},
		{name: "files without length", told: true, under: "prlimit --fsize=0"},
		{name: "two capabilities", under: capable(",+net_admin,+sys_admin"), works: true},
		{name: "one capability", told: true, under: capable(",+net_admin")},
		{name: "no capability", told: true, under: capable("")},
		{name: "old profile of system calls", under: "env " + filteredVariable + "=1 " + tests, works: true},
		{name: "clock set back", begin: "find /run/cni /var/lib/cni -exec touch -d 2040-01-01 {} + 2>/dev/null || true", end: "true", works: true},
		{name: "clock set forward", begin: "find /run/cni /var/lib/cni -exec touch -d 1990-01-01 {} + 2>/dev/null || true", end: "true", works: true},
	}
}

// In hostile surroundings each verb does what it does, or fails with one error that has a
// code. An ADD that fails changes nothing, after one that succeeds CHECK does as well, and a
// DEL when all is well again leaves the node as it was. By default that is a sample of the
// surroundings for each plugin; with CNI_TEST_HOSTILE=all it is each in all.
func TestHostile(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for i, h := range hostilities() {
			if !s.isHostile(i) || h.memory > 0 && s.needs != nil { // User-mode Linux has no control groups
				continue
			}
			t.Run(h.name, func(t *testing.T) {
				t.Parallel()
				h.test(t, s)
			})
		}
	})
}

// isHostile reports whether a subject has the case with the number by default: a plugin each
// second one, and its variants less.
func (s subject) isHostile(number int) bool {
	if os.Getenv("CNI_TEST_HOSTILE") == "all" {
		return true
	}
	index := slices.IndexFunc(subjects, func(other subject) bool { return other.name() == s.name() })
	every := 2
	switch {
	case s.needs != nil: // which may run on User-mode Linux, a slow one
		every = 12
	case slices.IndexFunc(subjects, func(other subject) bool { return other.plugin == s.plugin }) < index:
		every = 5
	}
	return (number+index)%every == 0
}

func (h surroundings) test(t *testing.T, s subject) {
	n := node.New(t)
	run := func(command string) { n.Exec(t, "sh", "-ec", command+"\ntrue") }
	run(h.setUp)
	if h.memory > 0 {
		h.under = memoryGroup(t, n, h.memory)
	}
	s.prepare(t, n)
	c := s.container(t, n, "c")
	usual := s.call(latest, c.Path)
	n.Must(t, "DEL", usual.With("prevResult", n.Must(t, "ADD", usual)))
	run(h.begin)
	run(h.end)
	before := n.State(t, c)
	call := h.wrap(t, usual)
	// try makes a call under the surroundings, and another one that is to bring all back.
	try := func(when, verb string, call node.Call) ([]byte, error) {
		run(h.begin)
		defer run(h.end)
		out := n.Run(t, verb, call)
		err := out.Err()
		printed, isError := err.(*types.Error)
		switch {
		case err == nil:
		case !isError:
			t.Errorf("%s: %v", when, err)
		case h.works:
			t.Errorf("%s: code %d, %v", when, printed.Code, err)
		case strings.Contains(printed.Msg, "\n"):
			t.Errorf("%s: message has several lines: %q", when, printed.Msg)
		}
		wantTraceless(t, when, string(out.Stderr)+string(out.Stdout))
		return out.Stdout, err
	}
	unchanged := func(when string, since hoststate.State) {
		t.Helper()
		if diff := hoststate.Diff(since, n.State(t, c), node.Lasting(), late()); diff != "" {
			t.Errorf("%s:\n%s", when, diff)
		}
	}
	_, status := try("STATUS", "STATUS", call)
	unchanged("after STATUS", before)
	result, err := try("ADD", "ADD", call)
	if err != nil {
		unchanged(fmt.Sprintf("after the ADD that failed: %v", err), before)
		if h.told && (h.by == nil || slices.Contains(h.by, s.plugin)) && status == nil && !strings.Contains(err.Error(), "DHCP") { // whose daemon has a place of its own
			t.Errorf("STATUS does not tell of: %v", err)
		}
	} else {
		if status != nil {
			t.Errorf("ADD succeeds, STATUS does not: %v", status)
		}
		if _, err := try("CHECK", "CHECK", call.With("prevResult", result)); err != nil {
			t.Errorf("CHECK after an ADD that succeeded: %v", err)
		}
	}
	_, _ = try("DEL", "DEL", call)
	n.Must(t, "DEL", usual)
	unchanged("after DEL", before)

	result = n.Must(t, "ADD", usual)
	call = call.With("prevResult", result)
	attached := n.State(t, c)
	valid := fmt.Appendf(nil, `[{"containerID": %q, "ifname": %q}]`, call.ContainerID, call.IfName)
	_, _ = try("CHECK of what is well", "CHECK", call)
	_, _ = try("GC of nothing", "GC", call.With("cni.dev/valid-attachments", valid))
	unchanged("after CHECK and GC", attached)
	n.Must(t, "CHECK", usual.With("prevResult", result))
	if !h.forgets {
		_, _ = try("DEL of what is well", "DEL", call)
	}
	n.Must(t, "DEL", usual)
	unchanged("after DEL of what was well", before)
}

// memoryGroup makes a control group for memory, of either version, and returns the command that
// enters it.
func memoryGroup(t *testing.T, n *node.Node, bytes int) string {
	t.Helper()
	group := fmt.Sprintf("/mnt/cni-test-%d-%d", os.Getpid(), groups.Add(1))
	n.Exec(t, "sh", "-ec", `
		limit=memory.limit_in_bytes
		mount -t cgroup -o memory none /mnt || { limit=memory.max; mount -t cgroup2 none /mnt; echo +memory >/mnt/cgroup.subtree_control; }
		mkdir "$0"; echo "$1" >"$0/$limit"`, group, fmt.Sprint(bytes))
	t.Cleanup(func() { n.Exec(t, "rmdir", group) })
	return `sh -c 'echo $$ >` + group + `/cgroup.procs; exec "$0"'`
}

// groups is how many control groups there have been.
var groups atomic.Int32

// wrap returns the call by a command that runs the plugin.
func (h surroundings) wrap(t *testing.T, call node.Call) node.Call {
	t.Helper()
	if h.under == "" {
		return call
	}
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	plugins, err := os.ReadDir(bin)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plugins {
		if p.Name() == call.Plugin {
			continue
		}
		if err := os.Symlink(filepath.Join(bin, p.Name()), filepath.Join(dir, p.Name())); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s %s\n", h.under, filepath.Join(bin, call.Plugin))
	node.WriteProgram(t, filepath.Join(dir, call.Plugin), script)
	if call.Plugin, err = filepath.Rel(bin, filepath.Join(dir, call.Plugin)); err != nil {
		t.Fatal(err)
	}
	return call
}
