package main

import (
	"fmt"
	"image/color"
	"regexp"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// mark is how a column looks.
type mark struct {
	column
	title string
	color color.RGBA
	shape draw.GlyphDrawer
}

func (r report) sides() []mark {
	return []mark{
		{separate, r.title(separate.Side), blue, draw.CircleGlyph{}},
		{bundle, r.title(bundle.Side), green, draw.BoxGlyph{}},
		{other, r.title(other.Side), orange, draw.PyramidGlyph{}},
	}
}

func (r report) onNodes() []mark {
	return []mark{
		{separate.on("empty"), "empty node", grey, draw.CircleGlyph{}},
		{separate.on("only ours"), "only what is ours", green, draw.BoxGlyph{}},
		{separate.on("full"), "full node", blue, draw.CircleGlyph{}},
		{other.on("full"), "full node, " + r.title(other.Side), orange, draw.PyramidGlyph{}},
	}
}

// burst is the name of a case of many calls at once: "100 parallel …".
var burst = regexp.MustCompile(`^\d[\d ]* parallel `)

// first is the name of a plugin at the start of a chain, which is a case of its own as well.
var first = regexp.MustCompile(`: (bridge|ptp)$`)

// charts are all that there is something for.
func (r report) charts() []chart {
	var list []chart
	add := func(name, title string, x index, marks []mark) {
		if slices.ContainsFunc(marks, func(m mark) bool { return x.has(m.column) }) {
			list = append(list, dots(name, title, x, marks))
		}
	}
	for _, verb := range []string{"ADD", "CHECK", "DEL", "VERSION"} {
		add("latency-"+strings.ToLower(verb), verb+", one after the other", r.of(figures.Calls, func(f figures.Figure) bool {
			return f.Verb == verb && f.Unit == "ms" && !burst.MatchString(f.Case) && !first.MatchString(f.Case)
		}), r.sides())
	}
	add("bursts", "Many at once: until the last one is done", r.of(figures.Calls, func(f figures.Figure) bool {
		return f.Unit == "ms" && f.Side != figures.Floor && burst.MatchString(f.Case)
	}), r.sides())
	for _, backend := range r.of(figures.FullNode, all).groups() {
		add("node-"+slug(backend), "What a full node costs: "+backend, r.of(figures.FullNode, func(f figures.Figure) bool {
			return strings.HasPrefix(f.Case, backend+": ")
		}), r.onNodes())
	}
	for _, of := range r.of(figures.Growth, all).groups() {
		list = append(list, r.lines(of))
	}
	return list
}

// slug is a name as that of a file.
func slug(name string) string {
	return strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// dots has a row for each line, with a mark at the median and a thin line to the 99th
// percentile for each column.
func dots(name, title string, x index, marks []mark) chart {
	p := newPlot(title)
	p.X.Label.Text = "ms: median, and a line to the 99th percentile"
	labels := make([]string, len(x.lines))
	for i, l := range x.lines {
		labels[len(x.lines)-1-i] = label(l, x)
	}
	p.NominalY(labels...)
	for i, m := range marks {
		shift := 0.2 * (float64(len(marks)-1)/2 - float64(i))
		if points := x.dots(p.Add, m, shift); points != nil {
			p.Legend.Add(m.title, points)
		}
	}
	p.Y.Min, p.Y.Max = -0.6, float64(len(labels))+0.2+0.55*float64(len(marks))
	logarithmic(&p.X)
	return chart{name, p, 8.5 * vg.Inch, vg.Inch + vg.Length(0.24*(p.Y.Max-p.Y.Min))*vg.Inch}
}

// dots adds what is in one column to a plot. It returns nil if that is nothing.
func (x index) dots(add func(...plot.Plotter), m mark, shift float64) *plotter.Scatter {
	var points plotter.XYs
	for i, l := range x.lines {
		f := x.cells[l][m.column]
		if f.Samples == 0 {
			continue
		}
		y := float64(len(x.lines)-1-i) + shift
		points = append(points, plotter.XY{X: f.Median, Y: y})
		whisker := &plotter.Line{XYs: plotter.XYs{{X: f.Median, Y: y}, {X: f.P99, Y: y}}, LineStyle: draw.LineStyle{Color: m.color, Width: vg.Points(0.75)}}
		add(whisker)
	}
	if points == nil {
		return nil
	}
	scatter := &plotter.Scatter{XYs: points, GlyphStyle: draw.GlyphStyle{Color: m.color, Radius: vg.Points(2.6), Shape: m.shape}}
	add(scatter)
	return scatter
}

// label names a line; the verb where lines differ in it, and no group where there is one alone.
func label(l line, x index) string {
	text := l.Case
	if groups := x.groups(); len(groups) == 1 {
		text = strings.TrimPrefix(text, groups[0]+": ")
	}
	if slices.ContainsFunc(x.lines, func(other line) bool { return other.Verb != l.Verb }) {
		text = fmt.Sprintf("%s, %s", text, l.Verb)
	}
	return text
}
