package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// withDiscipline returns a node whose kernel has the discipline, with a container's call
// that asks for it, and for limits that fill queues.
func withDiscipline(t testing.TB, discipline string) (*limited, node.Call) {
	t.Helper()
	needsDiscipline(t, discipline)
	l := newLimited(t, "veth")
	l.connect(t, "veth", 1500)
	limits := l.with(`{"ingressRate": 4000000, "ingressBurst": 131072, "egressRate": 4000000, "egressBurst": 131072}`)
	return l, limits.With("latency", []byte("300")).With("discipline", []byte(strconv.Quote(discipline)))
}

func needsDiscipline(t testing.TB, discipline string) {
	t.Helper()
	if probe := node.New(t); probe.Exec(t, "sh", "-c", "tc qdisc add dev lo root "+discipline+" 2>/dev/null || echo lacking") != "" {
		t.Skip("kernel lacks " + discipline)
	}
}

// The discipline is in both buckets; CHECK misses it, and nothing is left of it.
func TestBandwidthDiscipline(t *testing.T) {
	t.Parallel()
	for _, discipline := range []string{"fq_codel", "cake"} {
		t.Run(discipline, func(t *testing.T) {
			t.Parallel()
			l, call := withDiscipline(t, discipline)
			l.Must(t, "STATUS", call.With("runtimeConfig", nil).With("egressRate", []byte("8000")).With("egressBurst", []byte("8000")))
			before := l.State(t)
			for range 2 {
				l.Must(t, "CHECK", call.With("prevResult", l.Must(t, "ADD", call)))
			}
			if got := l.Exec(t, "tc", "qdisc", "show"); strings.Count(got, "qdisc "+discipline+" 2: dev") != 2 || strings.Count(got, " parent 1:1 ") != 2 {
				t.Errorf("qdiscs:\n%s", got)
			}
			for _, dev := range []string{"hc", device} {
				l.Exec(t, "tc", "qdisc", "del", "dev", dev, "parent", "1:1")
				want := fmt.Sprintf("interface %s has no qdisc %s in its tbf", dev, discipline)
				if err := l.Run(t, "CHECK", call).Err(); err == nil || err.Error() != want {
					t.Errorf("CHECK: %v, want %s", err, want)
				}
				l.Must(t, "ADD", call)
			}
			call = call.With("unshapedSubnets", []byte(someSubnets))
			l.Must(t, "CHECK", call.With("prevResult", l.Must(t, "ADD", call)))
			l.Exec(t, "tc", "qdisc", "del", "dev", "hc", "parent", "1:1")
			if err := l.Run(t, "CHECK", call).Err(); err == nil || err.Error() != fmt.Sprintf("interface hc has no qdisc %s in its tbf", discipline) {
				t.Errorf("CHECK: %v", err)
			}
			l.Must(t, "DEL", call)
			if diff := hoststate.Diff(before, l.State(t), node.Lasting()); diff != "" {
				t.Errorf("after the DEL:\n%s", diff)
			}
		})
	}
}

// While a container receives as much as it may, an answer comes at once, where it waits
// behind all that is in the queue without a discipline. The rate is the same within 5 %.
// This test runs alone: others would take the processors from it.
func TestBandwidthLatency(t *testing.T) {
	l, call := withDiscipline(t, "cake")
	host, container := l.ends(t)
	s := speed{rate: 4e6, duration: "4"}
	var plainPing, plainRatio float64
	for _, discipline := range []string{"", "fq_codel", "cake"} {
		l.Must(t, "ADD", call.With("discipline", []byte(strconv.Quote(discipline))))
		measured := make(chan float64)
		go func() { measured <- l.throughput(t, s, "TCP", host, container) / s.rate }()
		ping := l.ping(t, container.address)
		ratio := <-measured
		t.Logf("discipline %q: ping %.1f ms, %.3f of the rate", discipline, ping, ratio)
		if discipline == "" {
			plainPing, plainRatio = ping, ratio
			continue
		}
		if ping > plainPing/2 {
			t.Errorf("ping takes %.1f ms with %s, %.1f ms without", ping, discipline, plainPing)
		}
		if ratio > 1.05 || ratio < 0.95*plainRatio {
			t.Errorf("%.3f of the rate with %s, %.3f without", ratio, discipline, plainRatio)
		}
	}
}

// ping returns the median of the times of answers, in milliseconds.
func (l *limited) ping(t testing.TB, address string) float64 {
	t.Helper()
	out := l.Exec(t, "ping", "-c", "25", "-i", "0.1", "-W", "2", address)
	var times []float64
	for _, match := range regexp.MustCompile(`time=([\d.]+) ms`).FindAllStringSubmatch(out, -1) {
		ms, _ := strconv.ParseFloat(match[1], 64)
		times = append(times, ms)
	}
	if len(times) < 15 {
		t.Fatalf("answers are lost:\n%s", out)
	}
	slices.Sort(times)
	return times[len(times)/2]
}
