package main

import (
	"bytes"
	"fmt"
	"image/color"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is a plot by the name of its file.
type chart struct {
	name          string
	plot          *plot.Plot
	width, height vg.Length
}

// The colours of a chart on a light ground, and each one's counterpart on a dark one.
var (
	ground = color.RGBA{0xff, 0xff, 0xff, 0xff}
	ink    = color.RGBA{0x1f, 0x23, 0x28, 0xff}
	faint  = color.RGBA{0xd1, 0xd9, 0xe0, 0xff}
	blue   = color.RGBA{0x09, 0x69, 0xda, 0xff}
	green  = color.RGBA{0x1a, 0x7f, 0x37, 0xff}
	orange = color.RGBA{0xbc, 0x4c, 0x00, 0xff}
	grey   = color.RGBA{0x6e, 0x77, 0x81, 0xff}

	dark = map[color.RGBA]string{
		ground: "#0D1117", ink: "#E6EDF3", faint: "#30363D",
		blue: "#4493F8", green: "#3FB950", orange: "#F0883E", grey: "#9198A1",
	}
)

// margin is around the plot; on the right, the label of the last tick stands out.
const margin vg.Length = 8

// newPlot is a plot without content, in our colours.
func newPlot(title string) *plot.Plot {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.BackgroundColor = ground
	p.Title.Text = title
	p.Title.Padding = vg.Points(8)
	p.Title.TextStyle.Color, p.Legend.TextStyle.Color = ink, ink
	p.Title.TextStyle.Font.Size, p.Legend.TextStyle.Font.Size = 12, 9
	p.Legend.Top, p.Legend.Padding, p.Legend.ThumbnailWidth = true, vg.Points(2.5), vg.Points(14)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color, axis.Tick.Color, axis.Label.TextStyle.Color, axis.Tick.Label.Color = grey, grey, ink, ink
		axis.Label.TextStyle.Font.Size, axis.Tick.Label.Font.Size, axis.Label.Padding = 9, 8, vg.Points(4)
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid)
	return p
}

// svg draws the chart so that it follows the colour scheme of who looks at it, with the
// fonts that are there.
func (c chart) svg() ([]byte, error) {
	canvas := vgsvg.New(c.width, c.height)
	whole := draw.New(canvas)
	whole.SetColor(ground)
	whole.Fill(whole.Rectangle.Path())
	c.plot.Draw(draw.Crop(whole, margin, -2*margin, margin, -margin))
	var drawn bytes.Buffer
	if _, err := canvas.WriteTo(&drawn); err != nil {
		return nil, err
	}
	head, body, ok := strings.Cut(drawn.String(), "<g ")
	if !ok {
		return nil, fmt.Errorf("no group in what was drawn")
	}
	return []byte(head + style() + "<g " + body), nil
}

// style replaces colours on a dark ground.
func style() string {
	var b strings.Builder
	b.WriteString("<style>\ntext { font-family: Liberation Sans, Arial, Helvetica, sans-serif !important }\n@media (prefers-color-scheme: dark) {\n")
	for _, light := range slices.SortedFunc(maps.Keys(dark), func(a, b color.RGBA) int { return strings.Compare(hex(a), hex(b)) }) {
		for _, property := range []string{"fill", "stroke"} {
			fmt.Fprintf(&b, "[style*=\"%s:%s\"] { %s: %s !important }\n", property, hex(light), property, dark[light])
		}
	}
	b.WriteString("}\n</style>\n")
	return b.String()
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02X%02X%02X", c.R, c.G, c.B) }

// logarithmic gives an axis decades with ticks at 1, 2 and 5, from the one below the smallest
// value to the one above the greatest.
func logarithmic(axis *plot.Axis) {
	axis.Scale = plot.LogScale{}
	axis.Tick.Marker = plot.TickerFunc(func(least, most float64) []plot.Tick {
		var ticks []plot.Tick
		for _, value := range decades(least, most) {
			ticks = append(ticks, plot.Tick{Value: value, Label: strings.TrimSuffix(fmt.Sprint(value), ".0")})
			if value >= 1 {
				ticks[len(ticks)-1].Label = thousands(int(value))
			}
		}
		return ticks
	})
	ticks := decades(axis.Min, axis.Max)
	axis.Min, axis.Max = ticks[0], ticks[len(ticks)-1]
}

// decades are 1, 2, 5, 10, … as far as they enclose a range.
func decades(least, most float64) []float64 {
	var values []float64
	for exponent := math.Floor(math.Log10(least)); ; exponent++ {
		for _, step := range []float64{1, 2, 5} {
			value := step * math.Pow(10, exponent)
			if value <= least {
				values = values[:0]
			}
			if values = append(values, value); value >= most {
				return values
			}
		}
	}
}
