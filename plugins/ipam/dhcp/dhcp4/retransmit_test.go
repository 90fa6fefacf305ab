package dhcp4

import (
	"testing"
	"time"
)

// Sends come in exchanges, which begin anew after pauses, and neither waits nor pauses
// grow beyond what is the longest.
func TestSchedule(t *testing.T) {
	for name, test := range map[string]struct {
		exchange, longest time.Duration
		want              []float64 // seconds
	}{
		"default":     {10 * time.Second, 62 * time.Second, []float64{1, 3, 7, 12, 13, 15, 19, 26, 27, 29, 33, 44}},
		"impatient":   {2 * time.Second, 8 * time.Second, []float64{1, 4, 5, 10, 11, 20, 21, 30}},
		"short waits": {1400 * time.Millisecond, time.Second, []float64{1, 2.4, 3.4, 4.8, 5.8, 7.2}},
	} {
		s := newSchedule(test.exchange, test.longest)
		start := time.Unix(1e9, 0)
		now := start
		for i, seconds := range test.want {
			before := now.Sub(start)
			now = now.Add(s.next(now))
			// Each wait may differ by a fifth, but the end of an exchange is fixed, and as
			// far from any send as that.
			want := time.Duration(seconds * float64(time.Second))
			if got := now.Sub(start); got < before || got < want*7/10 || got > want*13/10 {
				t.Errorf("%s: send %d at %v, want about %v", name, i+1, got, want)
			}
		}
	}
	s := newSchedule(time.Hour, time.Millisecond)
	for now, i := time.Unix(1e9, 0), 0; i < 1000; i++ {
		wait := s.next(now)
		if wait < 800*time.Microsecond || wait > 1200*time.Microsecond {
			t.Fatalf("wait %d is %v", i, wait)
		}
		now = now.Add(wait)
	}
}
