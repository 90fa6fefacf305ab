package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// TestTelemetry runs the tests of the module telemetry on a node: with the plugins as they
// are, and with those of the bundle. With CNI_TEST_COLLECTOR the log goes through the collector's
// receiver, which takes minutes to compile.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests, bundle := filepath.Join(dir, "tests"), filepath.Join(dir, "bundle")
	build := func(in string, args ...string) {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = in, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	build("telemetry", "test", "-c", "-o", tests)
	collector := ""
	if os.Getenv("CNI_TEST_COLLECTOR") != "" {
		collector = filepath.Join(dir, "collector")
		build("collector", "build", "-o", collector)
	}
	build(".", "build", "-buildvcs=false", "-o", filepath.Join(bundle, "cni-plugins"), "../plugins/bundle")
	for _, name := range []string{"ptp", "tuning", "host-local"} {
		if err := os.Symlink("cni-plugins", filepath.Join(bundle, name)); err != nil {
			t.Fatal(err)
		}
	}
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	n := node.New(t)
	c := n.Container(t, "c")
	before := n.State(t, c)
	t.Log(n.Exec(t, "env", "CNI_TELEMETRY_BIN="+bin+":"+bundle, "CNI_TELEMETRY_NETNS="+c.Path, "CNI_TELEMETRY_COLLECTOR="+collector, tests, "-test.v"))
	if diff := hoststate.Diff(before, n.State(t, c), node.Lasting()); diff != "" {
		t.Errorf("after the DEL:\n%s", diff)
	}
}
