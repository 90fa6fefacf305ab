// Package figures is the form in which scripts/bench writes what it has measured, for
// scripts/report and whoever else reads it.
package figures

import (
	"encoding/json"
	"fmt"
	"os"
)

// Parts of a benchmark.
const (
	Calls    = "calls"     // of a node that has little
	FullNode = "full node" // on nodes that have little and much: see Figure.Node
	Growth   = "growth"    // beside ever more of one thing: see Figure.Number
	Memory   = "memory"    // of processes
)

// Sides, whose plugins were called, and what is none of them.
const (
	Separate = "ours"
	Bundle   = "bundle"
	Other    = "other"
	Floor    = "floor" // what no plugin can go below
)

// Figure is what one verb took in one case.
type Figure struct {
	Part string `json:"part"`
	Case string `json:"case"`
	Verb string `json:"verb"`
	Side string `json:"side"`
	// Node is how much there was on a node of FullNode.
	Node string `json:"node,omitempty"`
	// Number is how many there were of what Case names, in Growth.
	Number  int     `json:"number,omitempty"`
	Samples int     `json:"samples"`
	Unit    string  `json:"unit"` // "ms", or "KiB" of Memory
	Median  float64 `json:"median"`
	P99     float64 `json:"p99"`
}

// Write makes a file with a list of figures.
func Write(path string, list []Figure) error {
	content, err := json.MarshalIndent(list, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}

// Read returns the figures of files, in their order.
func Read(paths ...string) ([]Figure, error) {
	var all []Figure
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var list []Figure
		if err := json.Unmarshal(content, &list); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		all = append(all, list...)
	}
	return all, nil
}
