// Package cli is how persons and services call the executable that has all plugins by its
// own name: its commands, their flags and help, completion for shells and the manual, all of
// it from one description. It stands on the package flag: what larger libraries for commands
// do beyond that costs each call of a plugin their start, as it is the same executable.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Command is one of an executable's own.
type Command struct {
	Name string
	// Arguments are those behind the flags, as they are written in a manual: "[NAME]".
	// Empty if there are none.
	Arguments string
	// Summary says in one line what it does, and Details, if not empty, what else a person
	// should know.
	Summary, Details string
	// Flags declares the flags; nil if there are none.
	Flags func(*flag.FlagSet)
	// Raw hands all that follows the name to Run, as another program reads it.
	Raw bool
	// Run gets the arguments behind the flags: none unless Arguments says so. An error that
	// wraps plugin.ErrUsage makes the exit status 2, others make it 1.
	Run func(args []string) error
	// Candidates returns what an argument could be, for completion; nil if that is unknown.
	Candidates func() []string
	// hidden ones are for scripts.
	hidden bool
}

// Program is an executable with commands.
type Program struct {
	// Name that it was called by, and Summary of what it is, in one line.
	Name, Summary string
	Commands      []Command
	// Plugins are what it answers to beside its commands.
	Plugins []*plugin.Plugin
}

// Run runs the command that the arguments name and returns the exit status.
func (p Program) Run(args []string) int {
	if os.Getenv("CNI_COMMAND") != "" {
		return p.refuseRuntime()
	}
	if len(args) == 0 {
		p.help(os.Stderr)
		return plugin.StatusUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return p.helpOn(args)
	case "-version", "--version":
		name = "version"
	}
	c := p.find(name)
	if c == nil {
		fmt.Fprintf(os.Stderr, "%[1]s: unknown command %[2]q; %[1]s help lists all\n", p.Name, name)
		return plugin.StatusUsage
	}
	return plugin.Status(p.Name+" "+c.Name, os.Stderr, func() error { return p.run(c, args) })
}

// run parses the flags, which may be behind arguments as well, and runs the command.
func (p Program) run(c *Command, args []string) error {
	if c.Raw {
		return c.Run(args)
	}
	flags := c.flags()
	var rest []string
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			p.helpOnCommand(os.Stdout, c)
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", plugin.ErrUsage, err)
		}
		if flags.NArg() == 0 {
			break
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
	if c.Arguments == "" {
		if err := plugin.NoArguments(rest); err != nil {
			return err
		}
	}
	return c.Run(rest)
}

func (c *Command) flags() *flag.FlagSet {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if c.Flags != nil {
		c.Flags(flags)
	}
	return flags
}

func (p Program) find(name string) *Command {
	all := p.all()
	i := slices.IndexFunc(all, func(c Command) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// all returns the commands with those that every program has, in the order of their names.
func (p Program) all() []Command {
	all := append(slices.Clone(p.Commands), p.completion(), p.complete(), p.manual())
	slices.SortFunc(all, func(a, b Command) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// shown returns the commands that are for persons.
func (p Program) shown() []Command {
	return slices.DeleteFunc(p.all(), func(c Command) bool { return c.hidden })
}
