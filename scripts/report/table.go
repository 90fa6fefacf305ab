package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// markdown has all medians and 99th percentiles.
func (r report) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmark of %s\n\n", r.About.Date)
	fmt.Fprintf(&b, "Commit %s, built by %s, on Linux %s: %s.\n",
		r.About.Commit, r.About.Go, r.About.Kernel, r.About.Machine)
	r.short(&b)
	columns := []column{separate, bundle, other, floor}
	for _, side := range []column{separate, other} {
		for _, node := range nodes {
			columns = append(columns, side.on(node))
		}
	}
	for _, part := range r.parts() {
		r.section(&b, part, slices.Clone(columns))
	}
	return b.Bytes()
}

// parts are those that there are figures of, in their order.
func (r report) parts() []string {
	var names []string
	for _, f := range r.Figures {
		if !slices.Contains(names, f.Part) {
			names = append(names, f.Part)
		}
	}
	return names
}

// telling are the cases that say most in few lines.
var telling = []line{
	{Case: "ptp, host-local IPv4"},
	{Case: "ptp, host-local dual stack"},
	{Case: "bridge, iptables masquerade"},
	{Case: "bridge, masquerade, portmap, firewall on iptables"},
	{Case: "Services: bridge, masquerade, portmap, firewall on iptables", Number: 10_000},
	{Case: "leases: host-local", Number: 60_000},
	{Case: "100 parallel bridge, host-local IPv4"},
}

// short writes a table of the telling cases: medians, and how they compare.
func (r report) short(b *bytes.Buffer) {
	header := []string{"Median", "", "separate", "bundle"}
	if r.About.Other != "" {
		header = append(header, r.About.Other, "separate : other", "bundle : other")
	}
	b.WriteString("\n## In short\n\n")
	row(b, header)
	row(b, slices.Repeat([]string{"---"}, len(header)))
	x := r.of("", all)
	for _, l := range telling {
		for _, verb := range []string{"ADD", "DEL"} {
			l.Verb = verb
			cells := []string{l.name(), l.Verb}
			for _, side := range []column{separate, bundle, other}[:min(len(header)-2, 3)] {
				cells = append(cells, median(x.cells[l][side]))
			}
			if r.About.Other != "" {
				cells = append(cells, ratio(x.cells[l], separate), ratio(x.cells[l], bundle))
			}
			if x.cells[l] != nil {
				row(b, cells)
			}
		}
	}
}

// nodes are the kinds of nodes, from that which has the least.
var nodes = []string{"empty", "only ours", "full"}

// section writes a table of a part, with those columns that have something.
func (r report) section(b *bytes.Buffer, part string, columns []column) {
	x := r.of(part, all)
	columns = slices.DeleteFunc(columns, func(c column) bool { return !x.has(c) })
	if len(columns) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\nEach cell has the median and the 99th percentile.\n\n", strings.ToUpper(part[:1])+part[1:])
	compared := x.has(other)
	header := []string{"Case", "Verb"}
	for _, c := range columns {
		header = append(header, strings.TrimSpace(r.title(c.Side)+" "+c.Node))
	}
	if compared {
		header = append(header, "separate : other", "bundle : other")
	}
	row(b, header)
	row(b, slices.Repeat([]string{"---"}, len(header)))
	for _, l := range x.lines {
		cells := []string{l.name(), l.Verb}
		for _, c := range columns {
			cells = append(cells, cell(x.cells[l][c]))
		}
		if compared {
			cells = append(cells, ratio(x.cells[l], separate), ratio(x.cells[l], bundle))
		}
		row(b, cells)
	}
}

func row(b *bytes.Buffer, cells []string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// cell is empty where nothing was measured.
func cell(f figures.Figure) string {
	if f.Samples == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f, %.2f %s", f.Median, f.P99, f.Unit)
}

func median(f figures.Figure) string {
	if f.Samples == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f %s", f.Median, f.Unit)
}

// ratio compares medians with the other plugins'.
func ratio(of map[column]figures.Figure, side column) string {
	mine, theirs := of[side], of[other]
	if mine.Samples == 0 || theirs.Samples == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f", mine.Median/theirs.Median)
}

// thousands writes a number in groups of three digits.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
