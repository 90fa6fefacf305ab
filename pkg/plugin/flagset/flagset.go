// Package flagset parses the flags of commands. It is beside plugin for those that have
// none, whose start it would slow down.
package flagset

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Parse parses the flags of a command that takes no other arguments. If they ask for
// help, it prints that and returns flag.ErrHelp.
func Parse(flags *flag.FlagSet, args []string) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(os.Stdout)
		flags.Usage()
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", plugin.ErrUsage, err)
	}
	return plugin.NoArguments(flags.Args())
}
