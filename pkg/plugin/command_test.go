package plugin

import (
	"errors"
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	t.Parallel()
	with := Plugin{Name: "portmap", Commands: map[string]func([]string) error{
		"repair": NoArguments,
		"break":  func([]string) error { return errors.New("cannot") },
		"slip":   func([]string) error { panic("oh") },
	}}
	for _, test := range []struct {
		name   string
		plugin Plugin
		args   string
		status int
		stderr string
	}{
		{"success", with, "repair", 0, ""},
		{"failure", with, "break", 1, "portmap break: cannot\n"},
		{"panic", with, "slip", 1, "portmap slip: panic: oh; " + report + "\n"},
		{"argument too many", with, "repair now", 2, "portmap repair: wrong usage: unexpected argument \"now\"\n"},
		{"unknown", with, "mend", 2, "portmap: unknown command \"mend\"\nusage: portmap break|repair|slip\n"},
		{"none", Plugin{Name: "static"}, "repair", 2, "static: unknown command \"repair\"\nstatic has no commands; " +
			"a container runtime calls it with CNI_COMMAND in its environment.\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stderr strings.Builder
			status := test.plugin.command(strings.Fields(test.args), &stderr)
			if status != test.status || stderr.String() != test.stderr {
				t.Errorf("status %d, %q", status, stderr.String())
			}
		})
	}
}
