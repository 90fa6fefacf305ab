package flagset

import (
	"errors"
	"flag"
	"testing"

	"github.com/containernetworking/plugins/pkg/plugin"
)

func TestParse(t *testing.T) {
	for arg, want := range map[string]string{
		"-x":   "wrong usage: flag provided but not defined: -x",
		"rest": `wrong usage: unexpected argument "rest"`,
	} {
		err := Parse(flag.NewFlagSet("command", flag.ContinueOnError), []string{arg})
		if !errors.Is(err, plugin.ErrUsage) || err.Error() != want {
			t.Errorf("%s: %v", arg, err)
		}
	}
}
