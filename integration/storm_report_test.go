package integration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// count notes what came of a call.
func (s *storm) count(c stormCall) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
}

// write writes the report of a storm: for each verb how many calls there were, and what they
// took, and how often each outcome.
func (s *storm) write(took time.Duration, left int) {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "verb\tcalls\tmedian\tp99\toutcomes")
	for _, verb := range []string{"ADD", "CHECK", "DEL", "GC", "repair"} {
		var times []time.Duration
		outcomes := map[string]int{}
		for _, c := range s.calls {
			if c.verb == verb {
				outcomes[c.outcome]++
				times = append(times, c.took)
			}
		}
		if len(times) == 0 {
			continue
		}
		slices.Sort(times)
		var kinds []string
		for _, kind := range []string{succeeded, killed, refused, crossed, amidFlush, ""} {
			if n := outcomes[kind]; n > 0 {
				kinds = append(kinds, fmt.Sprintf("%d %s", n, cmp.Or(kind, "failed")))
			}
		}
		quantile := func(q float64) time.Duration {
			return times[int(q*float64(len(times)-1))].Round(time.Millisecond)
		}
		fmt.Fprintf(table, "%s\t%d\t%v\t%v\t%s\n", verb, len(times), quantile(0.5), quantile(0.99), strings.Join(kinds, ", "))
	}
	table.Flush()
	fmt.Fprintf(&text, "%d flushes and repairs, %v, %d left\n", s.flushes/2, took.Round(time.Second), left)
	s.t.Log("\n" + text.String())
	writeReport(s.t, text.String())
}
