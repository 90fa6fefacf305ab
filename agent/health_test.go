package main

import (
	"bytes"
	"errors"
	"log"
	"log/slog"
	"strings"
	"testing"
)

// What keeps the node from being as it is to be is logged when it is new, not whenever it is
// found in another order.
func TestHealthLogsWhatIsNew(t *testing.T) {
	var logged bytes.Buffer
	defer log.SetOutput(log.Writer()) // which SetDefault changes
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, nil)))
	one, two := errors.New("one"), errors.New("two")
	h := newHealth()
	for i, err := range []error{errors.Join(one, two), errors.Join(two, one), one, nil, nil, one} {
		h.end(err)
		if got, want := strings.Count(logged.String(), "\n"), []int{1, 1, 2, 3, 3, 4}[i]; got != want {
			t.Errorf("%d: %v: %d messages, want %d", i, err, got, want)
		}
	}
	h.end(nil)
	for i, err := range []error{two, two, nil} {
		h.repaired(err)
		if got, want := strings.Count(logged.String(), "may still lack"), 1; got != want || (h.ready() == nil) != (err == nil) {
			t.Errorf("repair %d: %v: %d messages, ready: %v", i, err, got, h.ready())
		}
	}
}
