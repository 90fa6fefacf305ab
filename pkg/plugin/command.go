package plugin

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/restored"
)

// The exit statuses of a command: it failed, or was not called as it should be.
const (
	StatusFailed = 1
	StatusUsage  = 2
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
		return StatusUsage
	}
	return Status(p.Name+" "+args[0], stderr, func() error { return run(args[1:]) })
}

// Status runs a command, tells of its error in the name of who, and returns the exit status.
func Status(who string, stderr io.Writer, run func() error) int {
	err := Guard(run)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %s\n", who, oneLine(err))
	if errors.Is(err, ErrUsage) {
		return StatusUsage
	}
	return StatusFailed
}

// WithRepair returns the plugin with the command `repair`, which makes again what others have
// flushed, and tells how much that was.
func (p Plugin) WithRepair(repair func() error) Plugin {
	p.Repair = repair
	return p.With("repair", func(args []string) error {
		if err := NoArguments(args); err != nil {
			return err
		}
		err := repair()
		if total := restored.Count(); err == nil || total != (restored.Total{}) {
			fmt.Println(total)
		}
		return err
	})
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
