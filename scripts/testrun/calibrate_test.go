package main

import (
	"testing"
	"time"
)

func TestSlowness(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0:                         time.Minute,
		probes * probeTime:        time.Minute,
		3 * probes * probeTime:    3 * time.Minute,
		1000 * probes * probeTime: slowest * time.Minute,
	} {
		if got := newSlowness(took).limit(time.Minute); got != want {
			t.Errorf("%v: %v, want %v", took, got, want)
		}
	}
}
