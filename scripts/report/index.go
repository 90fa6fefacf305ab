package main

import (
	"slices"
	"strings"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// line is what one line of a table, or one row of a chart, is about.
type line struct {
	Case, Verb string
	Number     int
}

// name is what a table calls it.
func (l line) name() string {
	if l.Number > 0 {
		return thousands(l.Number) + " " + l.Case
	}
	return l.Case
}

// column is a side, on one kind of node.
type column struct{ Side, Node string }

var (
	separate = column{Side: figures.Separate}
	bundle   = column{Side: figures.Bundle}
	other    = column{Side: figures.Other}
	floor    = column{Side: figures.Floor}
)

// on is the column of a side on a kind of node.
func (c column) on(node string) column { return column{c.Side, node} }

// index has the figures of a part, by line and column; the lines in the order of the
// figures.
type index struct {
	lines []line
	cells map[line]map[column]figures.Figure
}

// of returns the figures of a part, or of all for "", that a condition holds for.
func (r report) of(part string, condition func(figures.Figure) bool) index {
	x := index{cells: map[line]map[column]figures.Figure{}}
	for _, f := range r.Figures {
		if part != "" && f.Part != part || !condition(f) {
			continue
		}
		l := line{f.Case, f.Verb, f.Number}
		if x.cells[l] == nil {
			x.lines, x.cells[l] = append(x.lines, l), map[column]figures.Figure{}
		}
		x.cells[l][column{f.Side, f.Node}] = f
	}
	return x
}

func all(figures.Figure) bool { return true }

// has tells whether any line has something in the column.
func (x index) has(c column) bool {
	return slices.ContainsFunc(x.lines, func(l line) bool { _, ok := x.cells[l][c]; return ok })
}

// groups are what comes before the colon in the names of cases, in their order.
func (x index) groups() []string {
	var names []string
	for _, l := range x.lines {
		if name, _, _ := strings.Cut(l.Case, ":"); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// title is how a report calls a side.
func (r report) title(side string) string {
	switch side {
	case figures.Separate:
		return "separate"
	case figures.Other:
		return r.About.Other
	}
	return side
}
