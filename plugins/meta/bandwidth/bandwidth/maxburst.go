package bandwidth

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"
)

// maxBurst is the most that a burst may be, whatever the runtime passes. The zero value
// leaves bursts as they are.
type maxBurst struct {
	// bits, or for how long the rate would take for them.
	bits uint64
	time time.Duration
	// anyOnly leaves bursts as they are that are a limit.
	anyOnly bool
}

// anyBurst is the least of what runtimes pass for "any", in bits: that of kubelet, from
// whom others have 2³² - 1 and 2³⁵ - 9.
const anyBurst = math.MaxInt32

// What is the time for "auto", and the least in bits that a time stands for: some frames,
// without which hardly anything passes at low rates.
const (
	autoBurst  = 20 * time.Millisecond
	leastBurst = 8 * 16 << 10
)

// parseMaxBurst reads the key: a number of bytes, a text with a time, or "auto".
func parseMaxBurst(text json.RawMessage) (maxBurst, error) {
	if len(text) == 0 || string(text) == "null" {
		return maxBurst{}, nil
	}
	invalid := errors.New(`maxBurst is a number of bytes below 4GB, a text with a time up to 1s, such as "20ms", or "auto"`)
	var bytes uint64
	if json.Unmarshal(text, &bytes) == nil {
		if bytes == 0 || bytes >= math.MaxUint32 {
			return maxBurst{}, invalid
		}
		return maxBurst{bits: 8 * bytes}, nil
	}
	var name string
	if json.Unmarshal(text, &name) != nil {
		return maxBurst{}, invalid
	}
	if strings.EqualFold(name, "auto") {
		return maxBurst{time: autoBurst, anyOnly: true}, nil
	}
	length, err := time.ParseDuration(name)
	if err != nil || length <= 0 || length > time.Second {
		return maxBurst{}, invalid
	}
	return maxBurst{time: length}, nil
}

// of returns what is left of a burst at a rate, both in bits.
func (m maxBurst) of(burst, rate uint64) uint64 {
	switch {
	case m == maxBurst{}, m.anyOnly && burst < anyBurst:
		return burst
	case m.time == 0:
		return min(burst, m.bits)
	}
	most := float64(rate) * m.time.Seconds()
	if most >= float64(burst) {
		return burst
	}
	return min(burst, max(uint64(most), leastBurst))
}
