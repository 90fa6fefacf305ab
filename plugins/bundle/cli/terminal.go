package cli

import (
	"fmt"
	"os"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Colour is one of those that every terminal has.
type Colour string

// Colours of texts, as numbers of SGR (ECMA-48).
const (
	Red    Colour = "31"
	Green  Colour = "32"
	Yellow Colour = "33"
	Plain  Colour = "39"
)

// Paint returns the text in a colour, for standard output, if that is a terminal with
// colours and nobody has said otherwise (https://no-color.org).
func Paint(c Colour, text string) string {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !plugin.IsTerminal(os.Stdout) {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// Progress tells a person at a terminal, on standard error, how far a long work is. To
// others it says nothing.
type Progress struct {
	what        string
	done, total int
	shown       bool
}

// Begin begins work of so many steps.
func Begin(what string, steps int) *Progress {
	return &Progress{what: what, total: steps, shown: plugin.IsTerminal(os.Stderr)}
}

// Step tells that the next step begins.
func (p *Progress) Step() {
	p.done++
	if p.shown {
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s %d/%d", p.what, p.done, p.total)
	}
}

// End takes away what Step has written.
func (p *Progress) End() {
	if p.shown && p.done > 0 {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
