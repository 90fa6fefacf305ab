package main

import (
	"slices"
	"strings"
	"testing"
)

// After a flush of all rules the masquerade and those of the plugins come back, without
// anybody's asking.
func TestFlush(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.addHost(1, 1)
	s.join(a)
	agent := a.startSettled()
	a.addPod("pod")
	before := a.Exec(t, "nft", "--stateless", "list", "ruleset")
	for _, table := range []string{"cni_plugins_agent", "cni_plugins_firewall"} {
		if !strings.Contains(before, table) {
			t.Fatalf("no table %s in\n%s", table, before)
		}
	}
	for _, flush := range [][]string{
		{"flush", "ruleset"},
		{"flush", "table", "inet", "cni_plugins_agent"},
		{"delete", "table", "inet", "cni_plugins_firewall"},
		{"flush", "set", "inet", "cni_plugins_firewall", "containers_ipv4"},
	} {
		a.Exec(t, "nft", flush...)
		eventually(t, func() string {
			if now := a.Exec(t, "nft", "--stateless", "list", "ruleset"); sortLines(now) != sortLines(before) {
				return strings.Join(flush, " ") + ": the rules are\n" + now + "\nwant\n" + before
			}
			return ""
		})
	}
	if agent.Count("may still lack") > 0 {
		t.Error(agent.Output())
	}
}

// A repair that fails is tried again.
func TestRepairAgain(t *testing.T) {
	t.Parallel()
	a := newSite(t).addHost(1, 1)
	a.write("/run/bin/portmap", "#!/bin/sh\nmkdir /run/tried || echo yes >/run/repaired\n[ -e /run/repaired ]\n")
	a.Exec(t, "chmod", "755", "/run/bin/portmap")
	agent := a.start("-bin-dir", "/run/bin")
	eventually(t, func() string {
		if a.read("/run/repaired") == "" {
			return "no repair after\n" + agent.Output()
		}
		return ""
	})
	if n := agent.Count("may still lack"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, agent.Output())
	}
}

// sortLines makes texts comparable whose tables are in another order.
func sortLines(text string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(text, "\n")), "\n")
}
