package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// What is measured of an ADD's memory: of a chain, that of the plugin that takes the most.
const (
	largest  = "ADD, largest process"
	together = "ADD, processes at once" // the plugin with its delegate, or with a tool
)

// memoryRounds is how often memory is measured, which hardly differs.
const memoryRounds = 3

// memories are measurements in KiB.
type memories map[series][]float64

// measureMemory measures what the processes of an ADD take. They are traced for that.
func (b *bench) measureMemory(s scenario, id string) error {
	if s.parallel > 0 {
		return nil
	}
	for _, side := range b.sides {
		if side.name == otherSide && s.own {
			continue
		}
		for range memoryRounds {
			a := newAttachment(side.name, side.bin, id, s)
			taken, err := a.addMeasured()
			if errors.Is(err, faults.ErrUnsupported) {
				return nil
			}
			if err != nil {
				return err
			}
			b.memories.add(series{side.name, s.name, largest}, taken.Largest)
			b.memories.add(series{side.name, s.name, together}, taken.Together)
			if _, err := a.call("DEL"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m memories) add(s series, bytes int64) { m[s] = append(m[s], float64(bytes)/1024) }

// addMeasured attaches the container.
func (a *attachment) addMeasured() (taken faults.Memory, err error) {
	for _, m := range a.chain {
		cmd := a.command("ADD", m)
		out, err := faults.Measure(faults.Program{Path: cmd.Path, Env: cmd.Env, Stdin: []byte(a.config("ADD", m))})
		if err == nil && out.Status != syscall.WaitStatus(0) {
			err = fmt.Errorf("status %v: %s", out.Status, out.Stdout)
		}
		if err != nil {
			return taken, fmt.Errorf("ADD of %s: %w", filepath.Join(a.bin, m.plugin), err)
		}
		a.result, taken = out.Stdout, taken.Max(out.Memory)
	}
	return taken, nil
}

// printMemory writes the medians.
func (b *bench) printMemory(w io.Writer) {
	if len(b.memories) == 0 {
		return
	}
	header := []string{"Memory", ""}
	for _, side := range b.sides {
		header = append(header, side.title())
	}
	if b.has(otherSide) {
		header = append(header, "ratio", "bundle's ratio")
	}
	row(w, header...)
	row(w, slices.Repeat([]string{"---"}, len(header))...)
	for _, s := range scenarios() {
		for _, what := range []string{largest, together} {
			if b.memories[ours(s.name, what)] == nil {
				continue
			}
			cells := []string{s.name, what}
			for _, side := range b.sides {
				cells = append(cells, b.memories.middle(series{side.name, s.name, what}))
			}
			for _, mine := range []series{ours(s.name, what), ours(s.name, what).inBundle()} {
				if theirs := b.memories[other(s.name, what)]; theirs != nil && b.memories[mine] != nil {
					cells = append(cells, fmt.Sprintf("%.3f", middle(b.memories[mine])/middle(theirs)))
				}
			}
			row(w, pad(cells, len(header))...)
		}
	}
	fmt.Fprintln(w)
}

func (m memories) middle(s series) string {
	if m[s] == nil { // not measured
		return ""
	}
	return fmt.Sprintf("%.0f KiB", middle(m[s]))
}

// middle is the median.
func middle(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// figures are the measurements, in the order of the scenarios.
func (m memories) figures() (list []figures.Figure) {
	for _, s := range scenarios() {
		for _, what := range []string{largest, together} {
			for _, side := range []string{oursSide, bundleSide, otherSide} {
				if values := m[series{side, s.name, what}]; values != nil {
					list = append(list, figures.Figure{
						Part: figures.Memory, Case: s.name, Verb: what, Side: side,
						Samples: len(values), Unit: "KiB", Median: middle(values), P99: slices.Max(values),
					})
				}
			}
		}
	}
	return list
}
