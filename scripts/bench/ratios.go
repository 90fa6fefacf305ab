package main

import (
	"fmt"
	"io"
	"slices"
)

// The most that a verb may take on a full node: as many times what it takes on an empty
// one, or, where it has to look at all that is ours, on one that has only that; and as
// many times what the other plugins take there.
const (
	atMostGrown  = 1.3
	atMostOthers = 1.0
)

// print writes medians and their ratios, those that are too great in bold.
func (f *fullNode) print(w io.Writer, title string, scenarios []scenario) {
	row(w, title, "Verb", "empty", "only ours", "full", "full / empty", "full / only ours", "other's full", "ours / other's")
	row(w, slices.Repeat([]string{"---"}, 9)...)
	for _, s := range scenarios {
		for _, m := range s.chain() {
			for _, verb := range fullVerbs {
				f.printVerb(w, place{side: oursSide, name: s.name + ": " + m.plugin, verb: verb})
			}
		}
	}
	fmt.Fprintln(w)
}

func (f *fullNode) printVerb(w io.Writer, p place) {
	on := func(side string, k kind) float64 {
		p.side, p.kind = side, k
		return float64(percentile(f.took[p], 50)) / 1e6
	}
	mine := on(oursSide, full)
	if mine == 0 {
		return
	}
	ofAll := p.verb == "GC" || p.verb == "repair"
	row(w, p.name, p.verb,
		number(on(oursSide, empty)), number(on(oursSide, onlyOurs)), number(mine),
		ratioOf(mine, on(oursSide, empty), atMostGrown, !ofAll), ratioOf(mine, on(oursSide, onlyOurs), atMostGrown, ofAll),
		number(on(otherSide, full)), ratioOf(mine, on(otherSide, full), atMostOthers, true))
}

func number(milliseconds float64) string {
	if milliseconds == 0 { // not measured
		return ""
	}
	return fmt.Sprintf("%.2f ms", milliseconds)
}

// ratioOf is in bold if it is required and too great.
func ratioOf(of, to, atMost float64, required bool) string {
	switch ratio := of / to; {
	case to == 0:
		return ""
	case required && ratio > atMost:
		return fmt.Sprintf("**%.2f**", ratio)
	default:
		return fmt.Sprintf("%.2f", ratio)
	}
}
