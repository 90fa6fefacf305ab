package bandwidth

import (
	"math"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
)

// The numbers are upstream's, but for those that are too small or too large there.
func TestNewBucket(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rate, burst, latency uint64
		want                 tbf
	}{
		{1, 1, 25, tbf{1, 1, 15_625_000}},
		{2, 1, 25, tbf{2, 1, 7_812_500}},
		{1000, 10, 25, tbf{1000, 35, 156_250}},
		{1_000_000, 100_000, 25, tbf{1_000_000, 125_000, 1_562_500}},
		{1_000_000, 100_000, 100, tbf{1_000_000, 200_000, 1_562_500}},
		{1_000_000, 1009, 25, tbf{1_000_000, 26_009, 15_765}},
		{375_000, 2000, 25, tbf{375_000, 11_375, 83_328}}, // 5333 µs
		{1_250_000_000, 1000, 25, tbf{1_250_000_000, 31_251_000, 12}},
		{math.MaxUint64 / 8, 1, 25, tbf{math.MaxUint64 / 8, math.MaxUint32, 1}},
		{125_000, math.MaxUint32 / 8, 25, tbf{125_000, 536_874_036, math.MaxUint32}},
		{1, math.MaxUint32 - 1, 10_000, tbf{1, math.MaxUint32, math.MaxUint32}},
	} {
		if got := newBucket(test.rate, test.burst, test.latency).tbf(); got != test.want {
			t.Errorf("%d B/s, %d B, %d ms: got %+v, want %+v", test.rate, test.burst, test.latency, got, test.want)
		}
	}
}

// Upstream's release 1.1.1, on amd64, put these into the kernel.
func TestUpstreamsBucket(t *testing.T) {
	t.Parallel()
	const containerd, crio = (1<<32 - 1) / 8, (1<<35 - 9) / 8
	for _, test := range []struct {
		rate, burst uint64
		want        tbf
	}{
		{1_000_000, 10_000, tbf{1_000_000, 35_000, 156_250}},
		{1, crio, tbf{1, 4_294_967_294, 2_653_104_560}},
		{1000, containerd, tbf{1000, 536_870_936, 2_684_338_935}},
		{1000, crio, tbf{1000, 23, 2_684_323_310}},
		{1_000_000, containerd, tbf{1_000_000, 536_895_911, 4_093_640_688}},
		{1_000_000, crio, tbf{1_000_000, 24_998, 2_684_354_528}},
		{1_250_000, crio, tbf{1_250_000, 31_248, 2_147_483_619}},
		{1_250_000_000, crio, tbf{1_250_000_000, 31_249_998, 53_687_078}},
		{5_000_000_000_000, crio, tbf{5_000_000_000_000, 445_948_414, 13_406}},
	} {
		if got := newBucket(test.rate, test.burst, 25).upstreams(); got != test.want {
			t.Errorf("%d B/s, %d B: got %+v, want %+v", test.rate, test.burst, got, test.want)
		}
	}
}

// What the kernel lacks is told by name.
func TestLackingDiscipline(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for a namespace")
	}
	some := newBucket(1000, 10, 25)
	some.discipline = "nosuch"
	const want = `create qdisc of "lo": the kernel lacks nosuch: no such file or directory`
	if err := (Conf{ingress: some}).try(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// What was deleted with its interface by another DEL, amid this one, is gone, and no error.
func TestDeletedInterface(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	gone := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "gone", Index: math.MaxInt32}}
	if err := deleteQdisc(n, gone, ingressOf(gone)); err != nil {
		t.Errorf("qdisc: %v", err)
	}
	redirection := &netlink.U32{FilterAttrs: netlink.FilterAttrs{LinkIndex: gone.Index, Parent: netlink.HANDLE_MIN_INGRESS, Priority: 1}}
	if err := deleteFilter(n, gone, redirection, nil); err != nil {
		t.Errorf("filter: %v", err)
	}
}
