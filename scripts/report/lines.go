package main

import (
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// curve is how one verb of one side in one case grows.
type curve struct {
	of, side, verb string
	points         plotter.XYs
}

// curves are those beside ever more of something; without the bundle's, which would lie upon
// those of the separate plugins, and are in the table.
func (r report) curves(of string) []*curve {
	var list []*curve
	for _, f := range r.Figures {
		name, ok := strings.CutPrefix(f.Case, of+": ")
		if f.Part != figures.Growth || f.Side == figures.Bundle || !ok {
			continue
		}
		i := slices.IndexFunc(list, func(c *curve) bool { return c.of == name && c.side == f.Side && c.verb == f.Verb })
		if i < 0 {
			i, list = len(list), append(list, &curve{of: name, side: f.Side, verb: f.Verb})
		}
		list[i].points = append(list[i].points, plotter.XY{X: float64(f.Number), Y: f.Median})
	}
	return list
}

// lines shows how the cost of calls grows with the number of something.
func (r report) lines(of string) chart {
	list := r.curves(of)
	var cases []string
	for _, c := range list {
		if !slices.Contains(cases, c.of) {
			cases = append(cases, c.of)
		}
	}
	p := newPlot("What " + of + " cost: " + strings.Join(cases, ", "))
	p.X.Label.Text, p.Y.Label.Text = of, "ms, median"
	p.Legend.Left = true
	for _, c := range list {
		line, dots := c.draw([]color.RGBA{blue, green}[slices.Index(cases, c.of)%2])
		p.Add(line, dots)
		title := c.verb + ", " + r.title(c.side)
		if len(cases) > 1 {
			title += ", " + c.of
		}
		p.Legend.Add(title, line, dots)
	}
	logarithmic(&p.X)
	logarithmic(&p.Y)
	p.Y.Max *= math.Pow(1.5, float64(len(list))) // room for the legend
	return chart{"growth-" + slug(of), p, 8.5 * vg.Inch, 4.5 * vg.Inch}
}

// draw makes a line, of ADD a solid one and of DEL a dashed one, in a colour if it is ours.
func (c *curve) draw(color color.RGBA) (*plotter.Line, *plotter.Scatter) {
	glyph := draw.GlyphStyle{Color: color, Radius: vg.Points(2.6), Shape: draw.CircleGlyph{}}
	if c.side == figures.Other {
		glyph.Color, glyph.Shape = orange, draw.PyramidGlyph{}
	}
	style := draw.LineStyle{Color: glyph.Color, Width: vg.Points(1.5)}
	if c.verb == "DEL" {
		style.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
	}
	return &plotter.Line{XYs: c.points, LineStyle: style}, &plotter.Scatter{XYs: c.points, GlyphStyle: glyph}
}
