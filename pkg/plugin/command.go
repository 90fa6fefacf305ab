package plugin

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/restored"
	"github.com/containernetworking/plugins/pkg/utils/buildversion"
)

// The exit statuses of a command: it failed, or was not called as it should be.
const (
	StatusFailed = 1
	StatusUsage  = 2
)

// called is what a plugin does without a verb, for a person or a service: it returns the exit
// status. Without arguments it introduces itself, where programs look for its version.
func (p Plugin) called(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, p.introduction())
		if IsTerminal(os.Stderr) {
			fmt.Fprintf(stderr, "A container runtime calls it. %s --help tells what it does.\n", p.Name)
		}
		return 0
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		fmt.Fprintf(stdout, "%s\n%s", p.introduction(), textOf(p.Help))
	case "-version", "--version":
		fmt.Fprint(stdout, p.introduction())
	case "-schema", "--schema":
		fmt.Fprint(stdout, textOf(p.Schema))
	case "validate":
		return p.validate(args[1:], stdout, stderr)
	default:
		return p.command(args, stderr)
	}
	return 0
}

// introduction says what the plugin is, in the form that runtimes read for its version.
func (p Plugin) introduction() string {
	return fmt.Sprintf("%s\nCNI protocol versions supported: %s\n", buildversion.BuildString(p.Name), strings.Join(p.Protocol().SupportedVersions(), ", "))
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// IsTerminal reports whether a person is at the other end.
func IsTerminal(file *os.File) bool {
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// command runs the command that the arguments name and returns the exit status.
func (p Plugin) command(args []string, stderr io.Writer) int {
	run := p.Commands[args[0]]
	if run == nil {
		kind := "command"
		if strings.HasPrefix(args[0], "-") {
			kind = "flag"
		}
		fmt.Fprintf(stderr, "%s: unknown %s %q\n%s", p.Name, kind, args[0], p.usage())
		return StatusUsage
	}
	return Status(p.Name+" "+args[0], stderr, func() error {
		err := run(args[1:])
		if errors.Is(err, errHelp) {
			fmt.Print(p.helpOn(args[0]))
			return nil
		}
		return err
	})
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

// helpOn returns what the help says of a command.
func (p Plugin) helpOn(command string) string {
	_, text, _ := strings.Cut(textOf(p.Help), "\n  "+p.Name+" "+command+"\n")
	what := ""
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "   ") {
			break
		}
		what += strings.TrimLeft(line, " ")
	}
	return fmt.Sprintf("usage: %s %s\n%s", p.Name, command, what)
}

// usage says how to call the plugin.
func (p Plugin) usage() string {
	names := slices.Sorted(maps.Keys(p.Commands))
	if p.Help != nil {
		names = append(names, "validate", "--help", "--version", "--schema")
	}
	if len(names) == 0 {
		return fmt.Sprintf("%s has no commands; a container runtime calls it with CNI_COMMAND in its environment.\n", p.Name)
	}
	return fmt.Sprintf("usage: %s %s\n", p.Name, strings.Join(names, "|"))
}

// ErrUsage is what errors of commands wrap that were not called as they should be.
var ErrUsage = errors.New("wrong usage")

// errHelp is the error of a command that was asked what it does.
var errHelp = errors.New("help")

// NoArguments returns an error if there are arguments, for commands that take
// none. One that asks for help makes the plugin print what its help says of the command.
func NoArguments(args []string) error {
	if len(args) == 0 {
		return nil
	}
	if slices.Contains([]string{"-h", "-help", "--help"}, args[0]) {
		return errHelp
	}
	return fmt.Errorf("%w: unexpected argument %q", ErrUsage, args[0])
}
