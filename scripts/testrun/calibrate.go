package main

import (
	"fmt"
	"os/exec"
	"time"
)

// probes are how many network namespaces calibrate makes, and probeTime what one takes on an
// idle machine, process included.
const (
	probes    = 20
	probeTime = 25 * time.Millisecond
	// slowest bounds the factor: who waits longer learns nothing more.
	slowest = 8
)

// slowness is by how much this machine is slower, or busier, than an idle one: at least 1.
// All limits are for an idle one.
type slowness float64

// calibrate measures what most tests do most of the time.
func calibrate() (slowness, error) {
	begin := time.Now()
	for range probes {
		if out, err := exec.Command("unshare", "--net", "true").CombinedOutput(); err != nil {
			return 0, fmt.Errorf("make a network namespace: %w: %s", err, out)
		}
	}
	return newSlowness(time.Since(begin)), nil
}

func newSlowness(took time.Duration) slowness {
	return slowness(min(max(1, float64(took)/float64(probes*probeTime)), slowest))
}

// limit returns a limit of time for this machine.
func (s slowness) limit(idle time.Duration) time.Duration {
	return time.Duration(float64(idle) * float64(s)).Round(time.Second)
}
