package dhcp4

import (
	"math/rand/v2"
	"time"
)

const (
	// firstWait is how long the first wait for an answer takes, about. The next ones
	// take twice as long each (RFC 2131, section 4.1, whose 4 s are for the networks
	// of its time).
	firstWait = time.Second
	// firstPause is the same for the pause after an exchange without an answer.
	firstPause = 2 * time.Second
)

// schedule says when a message is sent again. The sends of one exchange come further
// and further apart; after a pause another exchange begins, so that a server or a link
// that is late does not have to wait for long.
type schedule struct {
	// exchange is how long an exchange takes, longest bounds waits and pauses.
	exchange, longest time.Duration
	// wait and pause are the next ones, end is that of the exchange.
	wait, pause time.Duration
	end         time.Time
}

func newSchedule(exchange, longest time.Duration) *schedule {
	return &schedule{exchange: exchange, longest: longest, pause: min(firstPause, longest)}
}

// next is how long to wait for an answer to what was sent at a time. One that comes in
// a pause counts, too.
func (s *schedule) next(sent time.Time) time.Duration {
	if !sent.Before(s.end) {
		s.end, s.wait = sent.Add(s.exchange), min(firstWait, s.longest)
	}
	wait := Jitter(s.wait)
	s.wait = min(2*s.wait, s.longest)
	if left := s.end.Sub(sent); wait >= left {
		wait = left + Jitter(s.pause)
		s.pause = min(2*s.pause, s.longest)
	}
	return wait
}

// Jitter returns a time that differs from d by up to a fifth, so that clients
// that began together do not go on together.
func Jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
