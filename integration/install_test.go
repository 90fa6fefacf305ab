package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/node"
)

// installs is how often the plugins are installed under load, and calls how many calls
// are made meanwhile, at least. $CNI_TEST_INSTALLS asks for more: 100 make 10,000 calls.
func installs(t *testing.T) (installs, calls int) {
	t.Helper()
	installs = 8
	if text := os.Getenv("CNI_TEST_INSTALLS"); text != "" {
		var err error
		if installs, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	return installs, 100 * installs
}

// bundle returns the path of the executable that has all plugins.
func bundle(t *testing.T) string {
	t.Helper()
	path, err := node.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInstall(t *testing.T) {
	t.Parallel()
	bundle := bundle(t)
	t.Run("under load", func(t *testing.T) { installUnderLoad(t, bundle) })
	for _, kind := range []faults.Kind{faults.Fail, faults.Kill} {
		t.Run(kind.String(), func(t *testing.T) { installWithFaults(t, bundle, kind) })
	}
}

// No call fails while the plugins are installed again and again: all in one, with either
// kind of links, and as separate ones, of ours and, as in a downgrade, of upstream's.
func installUnderLoad(t *testing.T, bundle string) {
	t.Parallel()
	const dir = "/run/bin"
	installs, calls := installs(t)
	separate, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	load := load{node: node.New(t), made: make(chan struct{}, calls)}
	if load.path, err = filepath.Rel(separate, dir); err != nil {
		t.Fatal(err)
	}
	upstreams(t, node.Call{Plugin: "host-local"}) // or skip
	kinds := [][]string{{}, {"--from", debian}, {"--symlink"}, {"--from", separate}}
	install := func(i int) {
		t.Helper()
		load.node.Exec(t, bundle, append([]string{"install", "--bin-dir", dir}, kinds[i%len(kinds)]...)...)
	}
	install(0)
	var callers sync.WaitGroup
	for i, verbs := range load.callers(t) {
		callers.Go(func() { load.call(t, i, verbs) })
	}
	for i := range installs {
		for range calls / installs {
			<-load.made
		}
		install(i + 1)
	}
	load.done.Store(true)
	callers.Wait()
	t.Logf("%d installs, %d calls", installs+1, load.count.Load())
	load.node.Exec(t, bundle, "install", "--bin-dir", dir, "--uninstall")
	if left := load.node.Exec(t, "ls", "-A", dir); left != "" {
		t.Errorf("left in %s: %s", dir, left)
	}
}

// load is calls of plugins, from their directory, until done.
type load struct {
	node  *node.Node
	path  string
	done  atomic.Bool
	count atomic.Int64
	// made has a value for each of the first calls.
	made chan struct{}
}

// callers returns what each caller does in turns: with a delegate, which may be in the
// same executable or not, and without. VERSION needs nothing but the plugin.
func (l *load) callers(t *testing.T) [][]node.Call {
	t.Helper()
	host := func(i int) node.Call {
		id := fmt.Sprintf("caller%d", i)
		return node.Call{
			Plugin: "host-local", ContainerID: id, Netns: "/run/netns/" + id, IfName: "eth0",
			Config: fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "net%d", "type": "host-local", "ipam": {"type": "host-local", "subnet": "10.7%d.0.0/16"}}`, i, i),
		}
	}
	c := l.node.Container(t, "c")
	ptp := node.Call{
		Plugin: "ptp", ContainerID: "c", Netns: c.Path, IfName: "eth0",
		Config: `{"cniVersion": "1.0.0", "name": "ptp", "type": "ptp", "ipam": {"type": "host-local", "subnet": "10.79.0.0/16"}}`,
	}
	return [][]node.Call{{host(0)}, {host(1), host(2)}, {ptp}}
}

// call adds and deletes, and looks at another plugin each time.
func (l *load) call(t *testing.T, i int, calls []node.Call) {
	others := []string{"bandwidth", "bridge", "firewall", "loopback", "portmap", "static", "tuning", "vlan"}
	for n := 0; !l.done.Load(); n++ {
		other := node.Call{Plugin: others[n%len(others)], Config: `{"cniVersion": "1.0.0"}`}
		for _, step := range []struct {
			verb string
			call node.Call
		}{{"ADD", calls[n%len(calls)]}, {"VERSION", other}, {"DEL", calls[n%len(calls)]}} {
			step.call.Plugin = filepath.Join(l.path, step.call.Plugin)
			if err := l.node.Run(t, step.verb, step.call).Err(); err != nil {
				t.Errorf("caller %d, %s of %s: %v", i, step.verb, step.call.Plugin, err)
			}
			l.count.Add(1)
			select {
			case l.made <- struct{}{}:
			default: // more than are waited for
			}
		}
	}
}

// Whatever step of an install fails, or is the last before it is killed, each plugin is
// the one from before or the new one, complete and executable, and new if the
// configuration is there. What was installed can be removed, with nothing else.
func installWithFaults(t *testing.T, bundle string, kind faults.Kind) {
	t.Parallel()
	steps := faults.Walk(t, faults.Fault{Kind: kind}, func(f faults.Fault) *faults.Point {
		dir := t.TempDir()
		in := func(name string) string { return filepath.Join(dir, name) }
		files := map[string]string{"bin/foreign": "", "conf/foreign": "", "10-net.conf": `{"name": "net"}`}
		for _, name := range []string{"old/ptp", "old/vlan", "new/cni-plugins", "new/ptp"} {
			files[name] = "#!/bin/sh\nprintf " + name
		}
		writeFiles(t, dir, files)
		if err := os.Link(in("new/cni-plugins"), in("new/vlan")); err != nil {
			t.Fatal(err)
		}
		output(t, bundle, "install", "--bin-dir", in("bin"), "--from", in("old"))
		out, err := faults.Run(faults.Program{Path: bundle, Args: []string{
			"install", "--bin-dir", in("bin"), "--from", in("new"), "--conf-dir", in("conf"), "--conf", in("10-net.conf")}}, f)
		if errors.Is(err, faults.ErrUnsupported) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if out.Hit == nil && out.Status != 0 || kind == faults.Fail && !failedWell(out) {
			t.Errorf("at %v: status %v, %s", out.Hit, out.Status, out.Stderr)
		}
		_, err = os.Stat(in("conf/10-net.conf"))
		for name, versions := range map[string][2]string{"ptp": {"old/ptp", "new/ptp"}, "vlan": {"old/vlan", "new/cni-plugins"}} {
			if said := output(t, in("bin/"+name)); said != versions[1] && (said != versions[0] || err == nil) {
				t.Errorf("at %v: %s says %q, of the configuration %v", out.Hit, name, said, err)
			}
		}
		output(t, bundle, "install", "--bin-dir", in("bin"), "--uninstall")
		left := output(t, "find", in("bin"), in("conf"), "-type", "f", "-not", "-name", "foreign")
		if left != "" && (kind == faults.Fail || left != in("conf/.10-net.conf.new\n")) {
			t.Errorf("at %v: left %q", out.Hit, left)
		}
		output(t, "ls", in("bin/foreign"), in("conf/foreign"))
		return out.Hit
	})
	t.Logf("%d steps", steps)
}

// failedWell reports whether an install has failed with an error, or not at all.
func failedWell(out faults.Outcome) bool {
	return out.Status == 0 || out.Status.ExitStatus() == 1 && strings.HasPrefix(string(out.Stderr), "cni-plugins install: ")
}

// Podman would take Debian's plugins instead of those in /opt/cni/bin.
func TestInstallBesideDebians(t *testing.T) {
	t.Parallel()
	upstreams(t, node.Call{Plugin: "ptp"}) // or skip
	n, bundle := node.New(t), bundle(t)
	n.Exec(t, "mount", "-t", "tmpfs", "tmpfs", "/opt")
	said := n.Exec(t, bundle, "install")
	if _, told, _ := strings.Cut(said, "\n"); !strings.HasPrefix(told, "Podman with CNI looks into /usr/lib/cni first") ||
		!strings.HasSuffix(told, "[network]\ncni_plugin_dirs = [\"/opt/cni/bin\"]\n") {
		t.Errorf("install says %s", said)
	}
	n.Exec(t, bundle, "install", "--uninstall")
}

// The script installs what it has built, with its version, wherever it is called from.
func TestInstallScript(t *testing.T) {
	t.Parallel()
	repo, dir := sources(t), filepath.Join(t.TempDir(), "bin")
	version, err := os.ReadFile(filepath.Join(repo, "VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(repo, "scripts/install.sh")
	output(t, script, "--bin-dir", dir)
	want := "CNI firewall plugin " + strings.TrimSpace(string(version))
	if got := introduction(t, filepath.Join(dir, "firewall")); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	output(t, script, "--bin-dir", dir, "--uninstall")
	if left := output(t, "ls", "-A", dir); left != "" {
		t.Errorf("left: %s", left)
	}
	if help := output(t, script, "--help"); !strings.HasPrefix(help, "install.sh [ARGUMENT]...\n") {
		t.Errorf("help: %s", help)
	}
}

// writeFiles writes files in dir, by name, which all may execute.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		node.WriteProgram(t, path, text)
	}
}

// output runs a program, which must succeed, and returns what it prints.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var (
		out  []byte
		err  error
		done = make(chan struct{})
	)
	// On a thread that ends with it: a tracer waits for all children of its thread.
	go func() {
		defer close(done)
		runtime.LockOSThread()
		out, err = exec.Command(name, args...).CombinedOutput()
	}()
	<-done
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}
