package main

import (
	"strings"
	"testing"
)

func TestCompareMachine(t *testing.T) {
	before := machine{"ip link": {"lo", "eth0"}, "/run/cni": {"/run/cni"}}
	same, changed := newReport(&strings.Builder{}), newReport(&strings.Builder{})
	before.compare(before, same)
	if n := same.failures(); n != 0 {
		t.Errorf("%d failures without a change", n)
	}
	before.compare(machine{"ip link": {"lo", "veth0"}, "/var/lib/cni": {"/var/lib/cni"}}, changed)
	if n := changed.failures(); n != 3 {
		t.Errorf("%d views have changed, want 3", n)
	}
	if out := changed.w.(*strings.Builder).String(); !strings.Contains(out, "-eth0\n+veth0\n") {
		t.Errorf("the report does not show what changed:\n%s", out)
	}
}
