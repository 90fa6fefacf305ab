package plugin

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// The exit statuses of a command: it failed, or was not called as it should be.
const (
	statusFailed = 1
	statusUsage  = 2
)

// isCommand reports whether a person or a service calls, and not a runtime.
// With options alone, it says what the plugin is.
func isCommand() bool {
	return len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") && os.Getenv("CNI_COMMAND") == ""
}

// command runs the command that the arguments name and returns the exit status.
func (p Plugin) command(args []string, stderr io.Writer) int {
	run := p.Commands[args[0]]
	if run == nil {
		fmt.Fprintf(stderr, "%s: unknown command %q\n%s", p.Name, args[0], p.usage())
		return statusUsage
	}
	if err := Guard(func() error { return run(args[1:]) }); err != nil {
		fmt.Fprintf(stderr, "%s %s: %s\n", p.Name, args[0], oneLine(err))
		if errors.Is(err, ErrUsage) {
			return statusUsage
		}
		return statusFailed
	}
	return 0
}

// usage says how to call the plugin.
func (p Plugin) usage() string {
	if len(p.Commands) == 0 {
		return fmt.Sprintf("%s has no commands; a container runtime calls it with CNI_COMMAND in its environment.\n", p.Name)
	}
	names := slices.Sorted(maps.Keys(p.Commands))
	return fmt.Sprintf("usage: %s %s\n", p.Name, strings.Join(names, "|"))
}

// ErrUsage is what errors of commands wrap that were not called as they should be.
var ErrUsage = errors.New("wrong usage")

// NoArguments returns an error if there are arguments, for commands that take
// none.
func NoArguments(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%w: unexpected argument %q", ErrUsage, args[0])
}
