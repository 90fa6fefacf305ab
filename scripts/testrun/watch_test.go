package main

import (
	"strings"
	"testing"
	"time"
)

// What runs is told until it ends, and what is written meanwhile begins a line.
func TestWatch(t *testing.T) {
	var out, terminal strings.Builder
	r := newReport(&out)
	end := watch(r, &terminal)
	if err := r.read(strings.NewReader(events("start", "run TestA")), never); err != nil {
		t.Fatal(err)
	}
	since := r.running[modulePath+"p"]
	if got := r.under(since.Add(90 * time.Second)); got != "p 1m30s" {
		t.Errorf("under way: %q", got)
	}
	if err := r.read(strings.NewReader(events("pass")), never); err != nil {
		t.Fatal(err)
	}
	end()
	if got := r.under(time.Now()); got != "" {
		t.Errorf("at the end: %q", got)
	}
	if !strings.HasSuffix(out.String(), "p (0.0s)\n") || !strings.HasSuffix(terminal.String(), clearLine) {
		t.Errorf("%q, terminal %q", out.String(), terminal.String())
	}
}

// A sensitive test that has passed runs again in a guest, and counts once.
func TestSensitive(t *testing.T) {
	var out strings.Builder
	r := newReport(&out)
	again := sensitive[0]
	pass := `{"Action":"run","Package":"` + again.Package + `","Test":"` + again.Name + `"}
		{"Action":"pass","Package":"` + again.Package + `","Test":"` + again.Name + `"}`
	for _, want := range []int{1, 1} {
		if err := r.read(strings.NewReader(pass), never); err != nil {
			t.Fatal(err)
		}
		if got := r.lacking(); len(got) != want || got[0] != again {
			t.Errorf("to run again: %v", got)
		}
	}
	if r.summarize(nil) {
		t.Error("it did not run in the guest, and that is no failure")
	}
}
