package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cni-plugins": main, "ptp": main, "static": main})
}

// The scripts call the bundle as a process, by its own name and by those of plugins.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// Processes with the race detector sleep a second at their end.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return os.Chmod(env.WorkDir, 0o755)
		},
	})
}
