package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/containernetworking/plugins/pkg/utils/buildversion"
)

// manual is the command that prints the manual page, for packages: NAME(8) of man(1).
func (p Program) manual() Command {
	return Command{Name: "man", hidden: true, Run: func([]string) error {
		p.writeManual(os.Stdout)
		return nil
	}}
}

func (p Program) writeManual(w io.Writer) {
	fmt.Fprintf(w, ".TH %s 8 \"\" %q\n", strings.ToUpper(p.Name), "CNI plugins "+buildversion.BuildVersion)
	fmt.Fprintf(w, ".SH NAME\n%s \\- %s\n", roff(p.Name), roff(p.Summary))
	fmt.Fprintf(w, ".SH SYNOPSIS\n.B %s\n.I COMMAND\n[\\fIARGUMENT\\fR]...\n.SH COMMANDS\n", roff(p.Name))
	for _, c := range p.shown() {
		fmt.Fprintf(w, ".SS %s\n%s\n", roff(p.usage(&c)), roff(sentence(c.Summary)))
		if c.Details != "" {
			fmt.Fprintf(w, ".PP\n%s\n", roff(c.Details))
		}
		for _, f := range c.described() {
			fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(f.syntax()), roff(f.text))
		}
	}
	fmt.Fprintf(w, ".SH PLUGINS\nA runtime calls them by links of their names: %s.\n", roff(strings.Join(p.plugins(), ", ")))
	fmt.Fprint(w, ".SH EXIT STATUS\n0, or 1 if something failed, or 2 if the command was not called as it should be.\n")
}

// roff returns text as text for troff: nothing in it is an order.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		switch {
		case line == "":
			lines[i] = ".PP"
		case strings.HasPrefix(line, "."), strings.HasPrefix(line, "'"):
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
