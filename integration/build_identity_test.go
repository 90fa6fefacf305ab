package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// madeBy runs build_linux.sh for some plugins and returns where they are.
func madeBy(t *testing.T, sources string, arguments ...string) string {
	t.Helper()
	build := exec.Command(filepath.Join(sources, "build_linux.sh"), arguments...)
	build.Env = append(os.Environ(), "PLUGINS=plugins/main/ptp plugins/main/loopback plugins/ipam/host-local")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build.Args, err, out)
	}
	bin := t.TempDir()
	if out, err := exec.Command("cp", "-a", filepath.Join(sources, "bin")+"/.", bin).CombinedOutput(); err != nil {
		t.Fatalf("copy: %v\n%s", err, out)
	}
	return bin
}

// What the same build made of an IPAM plugin runs in the process of its caller, be the one, the
// other or both a link to the bundle, and anything else as a process. By what a call prints and
// leaves nobody can tell.
func TestDelegateOfSameBuild(t *testing.T) {
	t.Parallel()
	dir := sources(t)
	separate, bundle, release := madeBy(t, dir), madeBy(t, dir, "--bundle"), madeBy(t, dir, "--release")
	byHand := filepath.Join(t.TempDir(), "host-local")
	build := exec.Command("go", "build", "-o", byHand, "./plugins/ipam/host-local")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script := filepath.Join(t.TempDir(), "host-local")
	node.WriteProgram(t, script, "#!/bin/sh\nexec "+separate+"/host-local\n")
	var first []string
	for _, c := range []struct {
		name, caller, delegate string
		isExecuted             bool
	}{
		{"same build", separate + "/ptp", separate + "/host-local", false},
		{"bundle", bundle + "/ptp", bundle + "/host-local", false},
		{"bundle beside it", separate + "/ptp", bundle + "/host-local", false},
		{"another build", separate + "/ptp", release + "/host-local", true},
		{"built by hand", separate + "/ptp", byHand, true},
		{"wrapper", separate + "/ptp", script, true},
		{"another plugin by the name", separate + "/ptp", separate + "/loopback", true},
	} {
		bin := t.TempDir()
		for name, file := range map[string]string{"ptp": c.caller, "host-local": c.delegate} {
			if err := os.Symlink(file, filepath.Join(bin, name)); err != nil {
				t.Fatal(err)
			}
		}
		n := node.New(t)
		if got := len(n.Programs(t, "STATUS", ptpCall(t, bin, "", ""))) > 0; got != c.isExecuted {
			t.Errorf("%s: executed: %v", c.name, got)
		}
		if filepath.Base(c.delegate) == "loopback" {
			continue
		}
		seen := lifeOfTwo(t, n, bin)
		if first == nil {
			first = seen
		}
		if diff := cmp.Diff(first, seen); diff != "" {
			t.Errorf("%s (-%s +this):\n%s", c.name, "same build", diff)
		}
	}
}

func ptpCall(t *testing.T, bin, id, netns string) node.Call {
	t.Helper()
	usual, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Rel(usual, filepath.Join(bin, "ptp"))
	if err != nil {
		t.Fatal(err)
	}
	return node.Call{
		Plugin: path, ContainerID: id, Netns: netns, IfName: "eth0",
		Config: `{"cniVersion": "1.1.0", "name": "net", "type": "ptp", "ipam": {"type": "host-local", "subnet": "10.1.2.0/30"}}`,
	}
}

// lifeOfTwo uses up a subnet of one address, and returns all that calls print.
func lifeOfTwo(t *testing.T, n *node.Node, bin string) (seen []string) {
	one, two := n.Container(t, "one"), n.Container(t, "two")
	a, b := ptpCall(t, bin, "a", one.Path), ptpCall(t, bin, "b", two.Path)
	mac := regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}`)
	note := func(command string, c node.Call) []byte {
		out := n.Run(t, command, c)
		text := bytes.Join([][]byte{out.Stdout, out.Stderr}, []byte("|"))
		for path, name := range map[string]string{one.Path: "ONE", two.Path: "TWO", bin: "BIN"} {
			text = bytes.ReplaceAll(text, []byte(path), []byte(name))
		}
		leases := n.Exec(t, "sh", "-c", "ls /var/lib/cni/networks/net 2>/dev/null | grep ^10; true")
		seen = append(seen, command+" "+mac.ReplaceAllString(string(text), "MAC")+" "+leases)
		if out.Status != 0 {
			seen = append(seen, "failed")
		}
		return out.Stdout
	}
	a = a.With("prevResult", note("ADD", a))
	note("CHECK", a)
	note("ADD", b)
	note("STATUS", b)
	note("ADD", a.With("ipam", []byte(`{"type": "host-local"}`)))
	note("ADD", b.With("ipam", []byte(`{"type": "host-local", "subnet": "10.1.2.0/33"}`)))
	note("DEL", a)
	note("CHECK", a)
	note("DEL", a)
	b = b.With("prevResult", note("ADD", b))
	note("GC", b.With("cni.dev/valid-attachments", []byte(`[]`)))
	if i := slices.IndexFunc(seen, func(s string) bool { return strings.Contains(s, "panic") }); i >= 0 {
		t.Error(seen[i])
	}
	return seen
}
