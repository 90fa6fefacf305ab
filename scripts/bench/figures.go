package main

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// figures are the measurements of calls, in the order of the scenarios: of many calls at once the whole.
func (r results) figures() []figures.Figure {
	all := scenarios()
	scenarioOf := func(name string) int {
		return slices.IndexFunc(all, func(s scenario) bool {
			return slices.Contains(s.names(), name)
		})
	}
	var list []figures.Figure
	for _, s := range slices.SortedFunc(maps.Keys(r), func(a, b series) int {
		return cmp.Or(cmp.Compare(scenarioOf(a.name), scenarioOf(b.name)), cmp.Compare(a.name, b.name),
			cmp.Compare(a.verb, b.verb), cmp.Compare(a.side, b.side))
	}) {
		if i := scenarioOf(s.name); i >= 0 && all[i].parallel > 0 && all[i].name != s.name {
			continue
		}
		list = append(list, figure(figures.Figure{Part: figures.Calls, Case: s.name, Verb: s.verb, Side: s.side}, r[s]))
	}
	return list
}

// figures are the measurements of one backend on nodes.
func (f *fullNode) figures(backend string) []figures.Figure {
	var list []figures.Figure
	for _, p := range slices.SortedFunc(maps.Keys(f.took), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(slices.Index(fullVerbs, a.verb), slices.Index(fullVerbs, b.verb)),
			cmp.Compare(a.side, b.side), cmp.Compare(a.kind, b.kind))
	}) {
		of := figures.Figure{Part: figures.FullNode, Case: backend + ": " + p.name, Verb: p.verb, Side: p.side, Node: string(p.kind)}
		list = append(list, figure(of, f.took[p]))
	}
	return list
}

// figure adds to what was measured how long it took.
func figure(of figures.Figure, took []time.Duration) figures.Figure {
	of.Samples, of.Unit = len(took), "ms"
	of.Median, of.P99 = percentile(took, 50).Seconds()*1e3, percentile(took, 99).Seconds()*1e3
	return of
}
