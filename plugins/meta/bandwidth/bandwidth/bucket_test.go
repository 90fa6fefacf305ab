package bandwidth

import (
	"math"
	"testing"
)

// The numbers are upstream's, but for those that are too small or too large there.
func TestNewBucket(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rate, burst, latency uint64
		want                 bucket
	}{
		{1, 1, 25, bucket{1, 1, 15_625_000}},
		{2, 1, 25, bucket{2, 1, 7_812_500}},
		{1000, 10, 25, bucket{1000, 35, 156_250}},
		{1_000_000, 100_000, 25, bucket{1_000_000, 125_000, 1_562_500}},
		{1_000_000, 100_000, 100, bucket{1_000_000, 200_000, 1_562_500}},
		{375_000, 2000, 25, bucket{375_000, 11_375, 83_328}}, // 5333 µs
		{1_250_000_000, 1000, 25, bucket{1_250_000_000, 31_251_000, 12}},
		{math.MaxUint64 / 8, 1, 25, bucket{math.MaxUint64 / 8, math.MaxUint32, 1}},
		{125_000, math.MaxUint32 / 8, 25, bucket{125_000, 536_874_036, math.MaxUint32}},
		{1, math.MaxUint32 - 1, 10_000, bucket{1, math.MaxUint32, math.MaxUint32}},
	} {
		if got := *newBucket(test.rate, test.burst, test.latency); got != test.want {
			t.Errorf("%d B/s, %d B, %d ms: got %+v, want %+v", test.rate, test.burst, test.latency, got, test.want)
		}
	}
}
