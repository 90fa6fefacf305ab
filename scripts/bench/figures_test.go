package main

import (
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// Figures of calls come in the order of the scenarios, those of no scenario first, and are
// read as they were written.
func TestFigures(t *testing.T) {
	took := results{}
	for i := range 4 {
		d := time.Duration(i+1) * 500 * time.Microsecond
		took.add(ours("loopback", "ADD"), d)
		took.add(other("bridge, tuning", "DEL"), 2*d)
		took.add(other(memberName(chainTuning, "tuning"), "DEL"), d)
		took.add(series{floorSide, "something else", "ADD"}, d)
	}
	of := func(name, verb, side string, median, p99 float64) figures.Figure {
		return figures.Figure{Part: figures.Calls, Case: name, Verb: verb, Side: side, Samples: 4, Unit: "ms", Median: median, P99: p99}
	}
	want := []figures.Figure{
		of("something else", "ADD", "floor", 1, 2),
		of("bridge, tuning", "DEL", "other", 2, 4),
		of("bridge, tuning: tuning", "DEL", "other", 1, 2),
		of("loopback", "ADD", "ours", 1, 2),
	}
	path := filepath.Join(t.TempDir(), "figures.json")
	if err := figures.Write(path, took.figures()); err != nil {
		t.Fatal(err)
	}
	got, err := figures.Read(path)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A growth is called by what grows, which is the axis of a chart, and by what is called.
func TestGrowths(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range growths() {
		if seen[g.of] || !regexp.MustCompile(`^[^:]+: [^:]+$`).MatchString(g.of) {
			t.Errorf("growth %q", g.of)
		}
		seen[g.of] = true
		for i, n := range g.numbers {
			if n < 1 || i > 0 && n <= g.numbers[i-1] {
				t.Errorf("%s: numbers %v", g.of, g.numbers)
			}
		}
	}
}

// Memory is beside the times of the same case, which have other verbs.
func TestMemoryFigures(t *testing.T) {
	m := memories{}
	for _, kib := range []int64{3, 1, 2} {
		m.add(other("loopback", together), kib*1024)
		m.add(ours("loopback", largest), kib*2048)
	}
	want := []figures.Figure{
		{Part: figures.Memory, Case: "loopback", Verb: largest, Side: figures.Separate, Samples: 3, Unit: "KiB", Median: 4, P99: 6},
		{Part: figures.Memory, Case: "loopback", Verb: together, Side: figures.Other, Samples: 3, Unit: "KiB", Median: 2, P99: 3},
	}
	if diff := cmp.Diff(want, m.figures()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
