package loopback

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/containernetworking/plugins/pkg/plugin"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"loopback": func() { plugin.Main(Plugin) }})
}

// The scripts call the plugin as a process, for a container whose namespace is
// at $NETNS.
func TestScripts(t *testing.T) {
	c := newContainer(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lo": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: lo up|down")
				}
				if got := c.state(t).Up; got != (args[0] == "up") {
					ts.Fatalf("lo is up: %v", got)
				}
			},
			"prints": prints,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("NETNS", c.Path())
			// Processes with the race detector sleep a second at their end.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("CNI_CONTAINERID", "container")
			env.Setenv("CNI_NETNS", c.Path())
			env.Setenv("CNI_IFNAME", "eth0")
			env.Setenv("CNI_ARGS", "none")
			env.Setenv("CNI_PATH", env.WorkDir)
			return nil
		},
	})
}

// prints compares standard output with a file that ends in a newline, which
// results and errors do not. In the file, $NAME stands for a variable.
func prints(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: prints file")
	}
	want := strings.TrimSuffix(ts.ReadFile(args[0]), "\n")
	want = strings.ReplaceAll(want, "$NETNS", ts.Getenv("NETNS"))
	if diff := cmp.Diff(want, ts.ReadFile("stdout")); diff != "" {
		ts.Fatalf("stdout differs from %s:\n%s", args[0], diff)
	}
}
