package integration

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// BenchmarkShaping measures what a container gets of its rate while it uses that up, and how long an
// answer takes then: by discipline, in each direction, for all traffic and for some networks. Of
// the rate there are the bytes that passed the queueing discipline, which is what it counts, and
// what TCP carries in them, at most 95.6 % with frames of 1500 bytes. It wants a quiet machine.
func BenchmarkShaping(b *testing.B) {
	for _, discipline := range []string{"", "fq_codel", "cake"} {
		for _, subnets := range []string{"", `["0.0.0.0/0"]`} {
			for _, rate := range []float64{4e6, 5e7} {
				for _, direction := range []string{"ingress", "egress"} {
					name := fmt.Sprintf("%s/%.0fMbit/%s", orTBF(discipline), rate/1e6, direction)
					if subnets != "" {
						name += "/subnets"
					}
					b.Run(name, func(b *testing.B) { shaping{discipline, subnets, direction, rate}.measure(b) })
				}
			}
		}
	}
}

func orTBF(discipline string) string {
	if discipline == "" {
		return "tbf"
	}
	return discipline
}

// shaping is a limit to measure.
type shaping struct {
	discipline, subnets, direction string
	rate                           float64
}

func (s shaping) measure(b *testing.B) {
	if s.discipline != "" {
		needsDiscipline(b, s.discipline)
	}
	l := newLimited(b, "veth")
	l.connect(b, "veth", 1500)
	limits := speed{rate: s.rate, burst: int(max(s.rate/50, 8*1514*4)), latency: 50, duration: "7"}
	call := l.call.With("discipline", []byte(strconv.Quote(s.discipline)))
	for key, value := range limits.keys() {
		call = call.With(key, []byte(value))
	}
	if s.subnets != "" {
		call = call.With("shapedSubnets", []byte(s.subnets))
	}
	l.Must(b, "ADD", call)
	host, container := l.ends(b)
	from, to, shaped := host, container, "hc"
	if s.direction == "egress" {
		from, to, shaped = container, host, device
	}
	for b.Loop() {
		carried := make(chan float64)
		idle := l.sent(b, shaped)
		go func() { carried <- l.throughput(b, limits, "TCP", from, to) }()
		for l.sent(b, shaped)-idle < s.rate/8 { // the burst is used up in a second
			time.Sleep(100 * time.Millisecond)
		}
		start, before := time.Now(), l.sent(b, shaped)
		ping := l.ping(b, container.address)
		passed := 8 * (l.sent(b, shaped) - before) / time.Since(start).Seconds()
		b.ReportMetric(100*passed/s.rate, "%passed")
		b.ReportMetric(100*(<-carried)/s.rate, "%carried")
		b.ReportMetric(ping, "ms/ping")
	}
}

// sent returns how many bytes have passed the queueing discipline of an interface.
func (l *limited) sent(t testing.TB, name string) float64 {
	t.Helper()
	out := l.Exec(t, "tc", "-s", "qdisc", "show", "dev", name, "root")
	match := regexp.MustCompile(`Sent (\d+) bytes`).FindStringSubmatch(out)
	if match == nil {
		t.Fatalf("no count:\n%s", out)
	}
	bytes, _ := strconv.ParseFloat(match[1], 64)
	return bytes
}
