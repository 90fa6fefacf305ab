package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i))
	}
	for _, test := range []struct {
		measurements []time.Duration
		p            int
		want         time.Duration
	}{
		{nil, 50, 0},
		{hundred[:1], 99, 100},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred[97:], 50, 2},
	} {
		if got := percentile(test.measurements, test.p); got != test.want {
			t.Errorf("percentile(%d measurements, %d) = %d, want %d", len(test.measurements), test.p, got, test.want)
		}
	}
}

// TestScenariosOfRequirements finds requirements that nothing is measured for.
func TestScenariosOfRequirements(t *testing.T) {
	known := map[string]bool{}
	for _, s := range scenarios() {
		known[s.name] = true
		for _, name := range s.memberNames() {
			known[name] = true
		}
	}
	for _, q := range requirements() {
		if !known[q.of.name] || !known[q.to.name] {
			t.Errorf("no scenario for %v", q)
		}
	}
}
