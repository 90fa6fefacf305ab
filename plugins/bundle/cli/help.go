package cli

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// help tells which commands there are.
func (p Program) help(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n\nusage: %s COMMAND [ARGUMENT]...\n\n", p.Name, p.Summary, p.Name)
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, c := range p.shown() {
		fmt.Fprintf(table, "  %s\t%s\n", c.Name, c.Summary)
	}
	table.Flush()
	fmt.Fprintf(w, "\n%[1]s COMMAND --help tells more of one. %[1]s PLUGIN runs a plugin, as a link of its name does:\n  %s\n",
		p.Name, strings.Join(p.plugins(), " "))
}

func (p Program) plugins() []string {
	var names []string
	for _, one := range p.Plugins {
		names = append(names, one.Name)
	}
	return names
}

// helpOn is the command help.
func (p Program) helpOn(args []string) int {
	if len(args) == 0 {
		p.help(os.Stdout)
		return 0
	}
	c := p.find(args[0])
	if c == nil {
		fmt.Fprintf(os.Stderr, "%s help: there is no command %q\n", p.Name, args[0])
		return plugin.StatusUsage
	}
	p.helpOnCommand(os.Stdout, c)
	return 0
}

func (p Program) helpOnCommand(w io.Writer, c *Command) {
	fmt.Fprintf(w, "%s\n\nusage: %s\n", sentence(c.Summary), p.usage(c))
	if c.Details != "" {
		fmt.Fprintf(w, "\n%s\n", c.Details)
	}
	described := c.described()
	if len(described) == 0 {
		return
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, f := range described {
		fmt.Fprintf(table, "  %s\t%s\n", f.syntax(), f.text)
	}
	table.Flush()
}

// usage is how the command is called.
func (p Program) usage(c *Command) string {
	usage := p.Name + " " + c.Name
	if len(c.described()) > 0 {
		usage += " [FLAG]..."
	}
	if c.Arguments != "" {
		usage += " " + c.Arguments
	}
	return usage
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// described is a flag in words.
type described struct{ name, value, text string }

func (f described) syntax() string { return strings.TrimSpace("--" + f.name + " " + f.value) }

// described returns the flags in the order of their names.
func (c *Command) described() []described {
	var all []described
	c.flags().VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
			text += fmt.Sprintf(" (default %q)", f.DefValue)
		}
		all = append(all, described{f.Name, strings.ToUpper(value), text})
	})
	return all
}

// refuseRuntime answers a runtime, whose configuration has this executable for a plugin.
func (p Program) refuseRuntime() int {
	message := fmt.Sprintf("%s is no plugin, but has these, which runtimes call by links of their names: %s", p.Name, strings.Join(p.plugins(), " "))
	_ = types.NewError(types.ErrInvalidEnvironmentVariables, message, "").Print()
	return plugin.StatusFailed
}
