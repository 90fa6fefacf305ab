package dhcp6

import (
	"math/rand/v2"
	"time"
)

// schedule says when a message is sent again (RFC 8415, section 15). What is 0
// is not bounded.
type schedule struct {
	initial, longest time.Duration
	count            int
}

// The parameters of RFC 8415, section 7.6. The first SOLICIT, CONFIRM and
// INFORMATION-REQUEST go out at once: the delays of up to 1 s before them are
// for hosts that all boot when the power comes back.
var (
	solicitTimes = schedule{initial: time.Second, longest: time.Hour}
	requestTimes = schedule{initial: time.Second, longest: 30 * time.Second, count: 10}
	confirmTimes = schedule{initial: time.Second, longest: 4 * time.Second}
	renewTimes   = schedule{initial: 10 * time.Second, longest: 10 * time.Minute}
	rebindTimes  = schedule{initial: 10 * time.Second, longest: 10 * time.Minute}
	inquireTimes = schedule{initial: time.Second, longest: time.Hour}
	releaseTimes = schedule{initial: time.Second, count: 4}
)

// minSolicitMax and maxSolicitMax are between what a server may set the longest
// wait of SOLICIT to (RFC 8415, section 21.24).
const (
	minSolicitMax Seconds = 60
	maxSolicitMax Seconds = 86400
)

// confirmLimit bounds the whole of CONFIRM.
const confirmLimit = 10 * time.Second

// next is how long to wait for an answer after sending, having waited for
// previous before.
func (s *schedule) next(previous time.Duration) time.Duration {
	if previous == 0 {
		return jitter(s.initial, s.initial)
	}
	wait := jitter(2*previous, previous)
	if s.longest > 0 && wait > s.longest {
		wait = jitter(s.longest, s.longest)
	}
	return wait
}

// jitter adds up to a tenth of unit to d, or takes it off.
func jitter(d, unit time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()*2-1)*float64(unit)/10)
}
