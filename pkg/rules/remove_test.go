package rules

import (
	"errors"
	"strings"
	"testing"
)

// A panic of one part is an error like others, and keeps no other from its work.
func TestTogether(t *testing.T) {
	var done bool
	err := together([]func() error{
		func() error { panic("oh") },
		func() error { done = true; return errors.New("no") },
	})
	if err == nil || !strings.HasPrefix(err.Error(), "panic: oh; ") || !strings.HasSuffix(err.Error(), "; no") || !done {
		t.Errorf("error %v, the other part is done: %v", err, done)
	}
}
