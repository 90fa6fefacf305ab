package integration

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ask runs a command for a program, and reads what it prints.
func (f *forgetful) ask(t *testing.T, answer any, args ...string) {
	t.Helper()
	out := f.Exec(t, f.bundle, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), answer); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}

// What the commands that change something print for programs.
func TestCommandsForPrograms(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	one := f.chained(t, "1.1.0", "one", 1)
	f.add(t, one, f.Container(t, "c"), 8080)
	old := f.Container(t, "old")
	f.add(t, one, old, 8081)
	old.Remove(t)

	type collection struct {
		DryRun             bool
		Live, Gone         int
		Removed, Collected []map[string]any
		Strangers          []string
	}
	gc := []string{"gc", "--netns", "/run/netns", "--conf-dir", f.confs, "--bin-dir", f.bin}
	removed := []map[string]any{{"network": "one", "containerID": "old", "ifName": "eth0"}}
	collected := []map[string]any{
		{"network": "one", "plugin": "bridge", "valid": 1.0},
		{"network": "one", "plugin": "portmap", "valid": 1.0},
		{"network": "one", "plugin": "firewall", "valid": 1.0},
	}
	for _, try := range []struct {
		args []string
		want collection
	}{
		{[]string{"--dry-run", "--idle"}, collection{DryRun: true, Live: 1, Gone: 1, Removed: removed, Collected: collected}},
		{nil, collection{Live: 1, Gone: 1, Removed: removed}},
		{[]string{"--idle"}, collection{Live: 1, Removed: []map[string]any{}, Collected: collected}},
	} {
		var have collection
		f.ask(t, &have, append(gc, try.args...)...)
		if diff := cmp.Diff(try.want, have); diff != "" {
			t.Errorf("gc %v (-want +have):\n%s", try.args, diff)
		}
	}

	var restored struct{ Rules, Attachments int }
	f.Exec(t, "nft", "flush", "ruleset")
	f.ask(t, &restored, "repair")
	if restored.Rules == 0 || restored.Attachments != 1 {
		t.Errorf("repair: %+v", restored)
	}
	f.ask(t, &restored, "repair")
	if restored.Rules != 0 || restored.Attachments != 0 {
		t.Errorf("repair of what is there: %+v", restored)
	}

	var downgraded []struct {
		Plugin, Error      string
		Rewritten, Removed int
	}
	f.ask(t, &downgraded, "downgrade")
	rewritten := map[string]int{}
	for _, d := range downgraded {
		if d.Error != "" || d.Removed != 0 {
			t.Errorf("downgrade: %+v", d)
		}
		rewritten[d.Plugin] = d.Rewritten
	}
	for _, plugin := range []string{"bridge", "portmap", "firewall"} {
		if rewritten[plugin] != 1 {
			t.Errorf("downgrade of %s: %d", plugin, rewritten[plugin])
		}
	}
}
