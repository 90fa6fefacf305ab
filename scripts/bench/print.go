package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// print writes what was measured, in milliseconds, and then how it compares with what is
// required.
func (b *bench) print(w io.Writer) {
	header := []string{"", "Verb"}
	for _, side := range b.sides {
		header = append(header, side.title()+": median", "p99")
	}
	if b.has(otherSide) {
		header = append(header, "ratio", "bundle's ratio")
	}
	row(w, header...)
	row(w, slices.Repeat([]string{"---"}, len(header))...)
	for _, name := range []string{idleProcess, linkDel} {
		row(w, pad([]string{name, "", b.median(floor(name)), b.p99(floor(name))}, len(header))...)
	}
	for _, s := range scenarios() {
		for _, verb := range []string{"ADD", "CHECK", "DEL"} {
			if b.results[ours(s.name, verb)] != nil {
				row(w, b.measured(s.name, verb)...)
			}
		}
	}
	fmt.Fprintln(w)
	b.printRequirements(w)
}

func (b *bench) measured(name, verb string) []string {
	cells := []string{name, verb}
	for _, side := range b.sides {
		s := series{side.name, name, verb}
		cells = append(cells, b.median(s), b.p99(s))
	}
	for _, mine := range []series{ours(name, verb), ours(name, verb).inBundle()} {
		if ratio, ok := b.ratio(mine, other(name, verb)); ok {
			cells = append(cells, fmt.Sprintf("%.3f", ratio))
		}
	}
	return cells
}

// title names a side: others by their folder.
func (s side) title() string {
	if s.name == otherSide {
		return strings.TrimSuffix(s.bin, "/")
	}
	return s.name
}

func (b *bench) has(name string) bool {
	return slices.ContainsFunc(b.sides, func(s side) bool { return s.name == name })
}

func (b *bench) printRequirements(w io.Writer) {
	row(w, "Ratio of medians", "Required", "Measured", "Bundle")
	row(w, "---", "---", "---", "---")
	for _, q := range requirements() {
		if b.results[q.of] == nil || b.results[q.to] == nil {
			continue
		}
		row(w, q.String(), fmt.Sprintf("≤ %g", q.atMost), b.verdict(q.of, q.to, q.atMost), b.verdict(q.of.inBundle(), q.to.inBundle(), q.atMost))
	}
}

// verdict is a measured ratio, in bold where it is too large.
func (b *bench) verdict(of, to series, atMost float64) string {
	ratio, ok := b.ratio(of, to)
	switch {
	case !ok:
		return ""
	case ratio > atMost:
		return fmt.Sprintf("**%.3f**", ratio)
	}
	return fmt.Sprintf("%.3f", ratio)
}

func (q requirement) String() string {
	of := q.of.name + " " + q.of.verb
	switch {
	case q.to.side == floorSide:
		return of + " / " + q.to.name
	case q.to.side == otherSide:
		return of + " / the same of the other"
	default:
		return of + " / " + q.to.name + " " + q.to.verb
	}
}

func (b *bench) ratio(of, to series) (float64, bool) {
	if b.results[of] == nil || b.results[to] == nil {
		return 0, false
	}
	return float64(percentile(b.results[of], 50)) / float64(percentile(b.results[to], 50)), true
}

func (b *bench) median(s series) string { return milliseconds(percentile(b.results[s], 50)) }
func (b *bench) p99(s series) string    { return milliseconds(percentile(b.results[s], 99)) }

// percentile is the smallest measurement that p percent of them do not exceed.
func percentile(measurements []time.Duration, p int) time.Duration {
	if len(measurements) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(measurements))
	return sorted[(len(sorted)*p+99)/100-1]
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func row(w io.Writer, cells ...string) {
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}

func pad(cells []string, n int) []string {
	return append(cells, slices.Repeat([]string{""}, n-len(cells))...)
}
