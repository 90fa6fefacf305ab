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
	for _, plugin := range b.started {
		b.printFloor(w, "beside "+plugin, idle(plugin), len(header))
		row(w, b.measured(plugin, start)...)
	}
	for _, s := range scenarios() {
		for _, beside := range []series{idle(s.name), attached(s.name), linkDel(s.name), elementDel(s.name)} {
			b.printFloor(w, "beside "+s.name, beside, len(header))
		}
		for _, name := range s.names() {
			for _, verb := range []string{"ADD", "CHECK", "DEL"} {
				if b.results[ours(name, verb)] != nil {
					row(w, b.measured(name, verb)...)
				}
			}
		}
	}
	fmt.Fprintln(w)
	b.printMemory(w)
	b.printRequirements(w)
}

// printFloor prints what all sides are compared with.
func (b *bench) printFloor(w io.Writer, name string, s series, columns int) {
	if b.results[s] != nil {
		row(w, pad([]string{name, s.verb, b.median(s), b.p99(s)}, columns)...)
	}
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
	row(w, "Ratio or difference of medians", "Required", "Measured", "Bundle")
	row(w, "---", "---", "---", "---")
	required := append(b.startRequirements(), requirements()...)
	if b.before {
		required = append(b.startRequirements(), requirementsSince()...)
	}
	for _, q := range required {
		if b.results[q.of] == nil || b.results[q.to] == nil {
			continue
		}
		inBundle := q
		inBundle.of, inBundle.to = q.of.inBundle(), q.to.inBundle()
		if q.inBundle > 0 {
			inBundle.atMost = q.inBundle
		}
		row(w, q.String(), q.bound(), b.verdict(q), b.verdict(inBundle))
	}
}

// verdict is what was measured, in bold where it is too much.
func (b *bench) verdict(q requirement) string {
	of, to := b.results[q.of], b.results[q.to]
	if of == nil || to == nil {
		return ""
	}
	limit := percentile(to, 50) + time.Duration(q.times*float64(percentile(b.results[q.plus], 50)))
	ratio := float64(percentile(of, 50)) / float64(limit)
	text, missed := fmt.Sprintf("%.3f", ratio), ratio > q.atMost
	if q.atMostMore > 0 {
		more := percentile(of, 50) - limit
		text, missed = milliseconds(more), more > q.atMostMore
	}
	if missed {
		return "**" + text + "**"
	}
	return text
}

func (q requirement) bound() string {
	if q.atMostMore > 0 {
		return "≤ " + milliseconds(q.atMostMore)
	}
	if q.inBundle > 0 {
		return fmt.Sprintf("≤ %g, bundle %g", q.atMost, q.inBundle)
	}
	return fmt.Sprintf("≤ %g", q.atMost)
}

func (q requirement) String() string {
	relation := " / "
	if q.atMostMore > 0 {
		relation = " − "
	}
	of := q.of.name + " " + q.of.verb + relation
	switch {
	case q.times > 0:
		return fmt.Sprintf("%s(%s + %g × %s)", of, q.to.verb, q.times, q.plus.verb)
	case q.to == idle(q.to.name):
		return of + q.to.verb
	case q.to.side == floorSide:
		return of + q.to.verb + " of a veth"
	case q.to.side == otherSide && q.to.name == q.of.name:
		return of + "the same of the other"
	case q.to.side == otherSide:
		return of + q.to.name + " of the other"
	default:
		return of + q.to.name + " " + q.to.verb
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
	if d == 0 { // not measured
		return ""
	}
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func row(w io.Writer, cells ...string) {
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}

func pad(cells []string, n int) []string {
	return append(cells, slices.Repeat([]string{""}, n-len(cells))...)
}
