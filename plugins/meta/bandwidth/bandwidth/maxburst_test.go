package bandwidth

import (
	"encoding/json"
	"math"
	"testing"
)

func TestMaxBurst(t *testing.T) {
	t.Parallel()
	const kubelet, containerd, crio = 1<<31 - 1, 1<<32 - 1, 1<<35 - 9
	for _, test := range []struct {
		key               string
		rate, burst, want uint64
	}{
		{"", 1e6, crio, crio},
		{"null", 1e6, crio, crio},
		{"100000", 1e9, kubelet, 800_000},
		{"100000", 1e9, 100_000, 100_000},
		{"4294967294", 1e9, crio, 34359738352},
		{`"20ms"`, 1e9, kubelet, 20_000_000},
		{`"20ms"`, 1e9, 30_000_000, 20_000_000},
		{`"20ms"`, 1e9, 10_000_000, 10_000_000},
		{`"20ms"`, 1e6, containerd, leastBurst}, // 20 kbit would be less than two frames
		{`"20ms"`, 1e6, 8_000, 8_000},
		{`"1s"`, math.MaxUint64, crio, crio},
		{`"auto"`, 1e9, kubelet, 20_000_000},
		{`"auto"`, 16e6, containerd, 320_000},
		{`"auto"`, 16e6, crio, 320_000},
		{`"AUTO"`, 1e9, 30_000_000, 30_000_000},
		{`"auto"`, 1e12, kubelet, kubelet}, // which is less than 20 ms
	} {
		m, err := parseMaxBurst(json.RawMessage(test.key))
		if got := m.of(test.burst, test.rate); err != nil || got != test.want {
			t.Errorf("%s of %d at %d: %d, want %d, error %v", test.key, test.burst, test.rate, got, test.want, err)
		}
	}
	for _, key := range []string{"0", "-1", "1.5", "4294967295", "true", "[]", `""`, `"20"`, `"0ms"`, `"-5ms"`, `"2s"`, `"any"`} {
		if m, err := parseMaxBurst(json.RawMessage(key)); err == nil {
			t.Errorf("%s: %+v", key, m)
		}
	}
}
