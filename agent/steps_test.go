package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/hoststate"
)

// An agent that is killed at any step of what it does after a change leaves the traffic
// of containers alone, and the next one completes it.
func TestKilledAtEachStep(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b, c := s.addHost(1, 1), s.addHost(2, 2), s.addHost(3, 1)
	worlds := []func(){
		func() { s.join(c); a.Exec(t, "ip", "link", "set", "eth0", "mtu", "1400") },
		func() { s.api.remove(c.name); a.Exec(t, "ip", "link", "set", "eth0", "mtu", "1500") },
	}
	s.join(a)
	s.join(b)
	b.startSettled("-overlay", "vxlan")
	worlds[0]()
	runOnce(t, a, faults.Fault{})
	from, to := a.addPod("from"), b.addPod("to")
	var wanted [2]hoststate.State
	for i := range 4 {
		worlds[i%2]()
		runOnce(t, a, faults.Fault{})
		wanted[i%2] = a.State(t)
	}
	n := faults.Walk(t, faults.Fault{Kind: faults.Kill}, func(f faults.Fault) *faults.Point {
		worlds[(f.N-1)%2]()
		hit := runOnce(t, a, f)
		for i := range from.ips {
			expectSource(t, fmt.Sprint("after ", hit), from, to, to.ips[i], from.ips[i].String())
		}
		runOnce(t, a, faults.Fault{})
		if diff := hoststate.Diff(wanted[(f.N-1)%2], a.State(t), linkLocal); diff != "" {
			t.Errorf("after %v, and another run:\n%s", hit, diff)
		}
		return hit
	})
	t.Logf("killed at %d steps", n)
}

// runOnce runs the agent until it has done what there is to do, or a fault happens.
func runOnce(t *testing.T, h *host, f faults.Fault) *faults.Point {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := h.arguments("-overlay", "vxlan", "-listen", "")
	args[0] = onceWord
	var out faults.Outcome
	err = h.Do(func() (err error) {
		out, err = faults.Run(faults.Program{Path: self, Args: args, Env: os.Environ()}, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.Hit == nil && out.Status != 0 {
		t.Fatalf("status %v: %s", out.Status, out.Stderr)
	}
	return out.Hit
}
