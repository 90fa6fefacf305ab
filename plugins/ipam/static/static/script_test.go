package static

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/containernetworking/plugins/pkg/plugin"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"static": func() { plugin.Main(Plugin) }})
}

// The scripts call the plugin as a process.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"prints": prints},
		Setup: func(env *testscript.Env) error {
			// Processes with the race detector sleep a second at their end.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("CNI_CONTAINERID", "container")
			env.Setenv("CNI_NETNS", "/run/netns/missing")
			env.Setenv("CNI_IFNAME", "eth0")
			env.Setenv("CNI_PATH", env.WorkDir)
			return nil
		},
	})
}

// prints compares standard output with a file that ends in a newline, which
// results and errors do not.
func prints(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: prints file")
	}
	want := strings.TrimSuffix(ts.ReadFile(args[0]), "\n")
	if diff := cmp.Diff(want, ts.ReadFile("stdout")); diff != "" {
		ts.Fatalf("stdout differs from %s:\n%s", args[0], diff)
	}
}
