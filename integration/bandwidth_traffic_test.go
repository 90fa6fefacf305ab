package integration

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// speed is a rate with what it takes to use it up: frames of which headers are
// next to nothing, a burst in which they fit, and a queue that TCP can fill.
type speed struct {
	name    string
	rate    float64 // bit/s
	burst   int     // bits
	latency int     // ms
	mtu     int     // bytes
	// iperf3's arguments: seconds to measure, and the length of a datagram.
	duration, length string
}

// keys are limits in both directions.
func (s speed) keys() map[string]string {
	rate, burst := fmt.Sprintf("%.0f", s.rate), fmt.Sprint(s.burst)
	return map[string]string{
		"runtimeConfig": "null", "latency": fmt.Sprint(s.latency),
		"ingressRate": rate, "ingressBurst": burst, "egressRate": rate, "egressBurst": burst,
	}
}

// A container receives and sends as much as it may, within 5 %, and no more. This
// test runs alone: others would take the processors from it.
func TestBandwidthThroughput(t *testing.T) {
	for _, test := range []struct {
		kind string
		speed
	}{
		{"veth", speed{"1 Mbit", 1e6, 100_000, 100, 3000, "4", "2900"}},
		{"veth", speed{"100 Mbit", 1e8, 1_000_000, 25, 9000, "2", "8900"}},
		{"veth", speed{"1 Gbit", 1e9, 10_000_000, 25, 65000, "2", "60000"}},
		{"macvlan", speed{"100 Mbit", 1e8, 1_000_000, 25, 9000, "2", "8900"}},
	} {
		t.Run(test.kind+" "+test.name, func(t *testing.T) {
			l := newLimited(t, test.kind)
			l.connect(t, test.kind, test.mtu)
			for key, value := range test.keys() {
				l.call = l.call.With(key, []byte(value))
			}
			l.Must(t, "ADD", l.call)
			host, container := l.ends(t)
			for _, protocol := range []string{"TCP", "UDP"} {
				t.Run(protocol+" ingress", func(t *testing.T) { l.measure(t, test.speed, protocol, host, container) })
				t.Run(protocol+" egress", func(t *testing.T) { l.measure(t, test.speed, protocol, container, host) })
			}
		})
	}
}

// connect gives both ends their addresses.
func (l *limited) connect(t testing.TB, kind string, mtu int) {
	t.Helper()
	far, size := strings.ReplaceAll(shapeable(kind).far, "NAME", "c"), fmt.Sprint(mtu)
	l.Exec(t, "ip", "link", "set", far, "mtu", size)
	l.container.Exec(t, "ip", "link", "set", "eth0", "mtu", size)
	l.Exec(t, "ip", "addr", "add", "10.1.2.1/24", "dev", far)
	l.container.Exec(t, "ip", "addr", "add", "10.1.2.3/24", "dev", "eth0")
}

// attempts at a rate that the limit allows, but not a machine that is busy
// otherwise.
const attempts = 4

// measure compares the throughput with the rate.
func (l *limited) measure(t *testing.T, s speed, protocol string, from, to end) {
	var ratios []float64
	for range attempts {
		ratio := l.throughput(t, s, protocol, from, to) / s.rate
		ratios = append(ratios, ratio)
		if math.Abs(ratio-1) <= 0.05 {
			t.Logf("%.3f of the rate", ratios)
			return
		}
	}
	t.Errorf("throughput is not within 5 %% of the rate; ratios: %.3f", ratios)
}

// end is one of the two ends of a test's traffic, where a server of iperf3 runs.
type end struct{ netns, address string }

// ends returns the node's end and the container's.
func (l *limited) ends(t testing.TB) (host, container end) {
	t.Helper()
	host = end{"/proc/self/ns/net", "10.1.2.1"}
	container = end{l.container.Path, "10.1.2.3"}
	l.serve(t, host)
	l.serve(t, container)
	return host, container
}

// iperf runs at once whenever it has something to do: the receiver's buffer lasts
// for a millisecond.
func (e end) iperf(args ...string) []string {
	return append([]string{"nsenter", "--net=" + e.netns, "chrt", "--fifo", "1", "iperf3"}, args...)
}

// serve runs a server until the test ends.
func (l *limited) serve(t testing.TB, e end) {
	t.Helper()
	args := e.iperf("--server", "--forceflush")
	cmd := exec.Command(args[0], args[1:]...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = l.Do(cmd.Start)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "Server listening") {
			go func() {
				for lines.Scan() { // let it write
				}
			}()
			return
		}
	}
	t.Fatal("iperf3 ends before it listens")
}

// throughput measures what arrives, in bit/s of what is in the packets. The client
// is the receiver, who knows best. The first interval has the burst in it.
func (l *limited) throughput(t testing.TB, s speed, protocol string, from, to end) float64 {
	t.Helper()
	args := to.iperf("--client", from.address, "--reverse", "--json", "--time", s.duration, "--interval", "0.5")
	if protocol == "UDP" {
		args = append(args, "--udp", "--length", s.length, "--bitrate", fmt.Sprintf("%.0f", 1.1*s.rate))
	}
	var report struct {
		Intervals []struct {
			Sum struct {
				Bytes   float64 `json:"bytes"`
				Seconds float64 `json:"seconds"`
			} `json:"sum"`
		} `json:"intervals"`
	}
	if err := json.Unmarshal([]byte(l.Exec(t, args[0], args[1:]...)), &report); err != nil {
		t.Fatal(err)
	}
	var bytes, seconds float64
	for _, i := range report.Intervals[1:] {
		bytes, seconds = bytes+i.Sum.Bytes, seconds+i.Sum.Seconds
	}
	return 8 * bytes / max(seconds, 1e-3)
}

// With maxBurst the burst that a runtime passes for "any" does not let all through at
// first: the limit holds from the first byte, and CHECK and DEL know it.
func TestBandwidthMaxBurst(t *testing.T) {
	t.Parallel()
	l := newLimited(t, "veth")
	l.connect(t, "veth", 1500)
	const containers = `{"ingressRate": 1000000, "ingressBurst": 4294967295, "egressRate": 1000000, "egressBurst": 4294967295}`
	const size, least = 141_000, 980 * time.Millisecond // less 16 KiB, 125 kB/s
	before := l.State(t)
	for bound, shaped := range map[string]bool{"null": false, `"auto"`: true, `"20ms"`: true, "16384": true} {
		limits := l.with(containers).With("maxBurst", []byte(bound))
		l.Must(t, "CHECK", limits.With("prevResult", l.Must(t, "ADD", limits)))
		l.takesAtLeast(t, "maxBurst "+bound, size, least, shaped)
		if shaped {
			if err := l.Run(t, "CHECK", limits.With("maxBurst", []byte("null"))).Err(); err == nil {
				t.Errorf("maxBurst %s: CHECK takes it for none", bound)
			}
		}
		l.Must(t, "DEL", limits)
	}
	if diff := hoststate.Diff(before, l.State(t), node.Lasting()); diff != "" {
		t.Errorf("after the DEL:\n%s", diff)
	}
}

// Whatever the interface, what is too much for a second takes longer, in both
// directions. A busy machine can only make it later.
func TestBandwidthKinds(t *testing.T) {
	t.Parallel()
	for _, w := range wirings() {
		t.Run(w.kind, func(t *testing.T) {
			t.Parallel()
			l := newLimited(t, w.kind)
			l.connect(t, w.kind, 1500)
			limits := l.with(`{"ingressRate": 1000000, "ingressBurst": 100000, "egressRate": 1000000, "egressBurst": 100000}`)
			const size, least = 137_500, 980 * time.Millisecond // less the burst, 125 kB/s
			for _, shaped := range []bool{false, true, false} {
				if shaped {
					l.Must(t, "CHECK", limits.With("prevResult", l.Must(t, "ADD", limits)))
				}
				l.takesAtLeast(t, fmt.Sprint("shaped: ", shaped), size, least, shaped)
				l.Must(t, "DEL", limits)
			}
		})
	}
}

// takesAtLeast sends to and from the container, and compares whether that takes a time with whether
// it is shaped. A busy machine can only make it longer: what is not shaped has several attempts.
func (l *limited) takesAtLeast(t *testing.T, when string, size int, least time.Duration, shaped bool) {
	t.Helper()
	host, container := place{l.Do}, place{l.container.Do}
	for direction, send := range map[string]func() time.Duration{
		"ingress": func() time.Duration { return transfer(t, host, container, "10.1.2.3", size) },
		"egress":  func() time.Duration { return transfer(t, container, host, "10.1.2.1", size) },
	} {
		took := send()
		for i := 1; i < attempts && !shaped && took >= least; i++ {
			took = send()
		}
		if shaped != (took >= least) {
			t.Errorf("%s: %s of %d bytes takes %v", when, direction, size, took)
		}
	}
}

// transfer returns how long it takes to send something to an address.
func transfer(t *testing.T, from, to place, address string, size int) time.Duration {
	t.Helper()
	return transferFrom(t, from, to, "", address, size)
}

// transferFrom does so from an address, "" for any.
func transferFrom(t *testing.T, from, to place, source, address string, size int) time.Duration {
	t.Helper()
	var listener net.Listener
	err := to.do(func() (err error) {
		listener, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(address)})
		return err
	})
	if err != nil {
		t.Error(err)
		return 0
	}
	defer listener.Close()
	start := time.Now()
	go func() {
		if err := from.do(func() error {
			var conn net.Conn
			err := errors.New("")
			for i := 0; i < attempts && err != nil; i++ { // a busy machine may not find the neighbour in time
				conn, err = net.DialTCP("tcp", &net.TCPAddr{IP: net.ParseIP(source)}, listener.Addr().(*net.TCPAddr))
			}
			if err != nil {
				return err
			}
			defer conn.Close()
			_, err = conn.Write(make([]byte, size))
			return err
		}); err != nil {
			t.Error(err)
			listener.Close()
		}
	}()
	conn, err := listener.Accept()
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close()
	if n, err := io.Copy(io.Discard, conn); err != nil || int(n) != size {
		t.Errorf("%d bytes arrive, %v", n, err)
	}
	return time.Since(start)
}
