package integration

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// soak is what was measured while containers came and went, none of which was there then.
type soak struct {
	t       *testing.T
	nodes   []*soakNode
	kernel  *kernelMemory
	cycles  int
	gauges  []*gauge
	samples [][]int64 // of all gauges
}

// gauge is one thing that is measured.
type gauge struct {
	name string
	// slack is by which part of itself the mean may grow.
	slack float64
	// shared says that others on the machine change it as well, so that nothing is expected.
	shared bool
	// slow says that reading it takes a second or more.
	slow bool
	read func() (int64, error)
}

// newGauges are those of the whole machine, if there is time to measure them, and of each node.
func (s *soak) newGauges() []*gauge {
	var gauges []*gauge
	if s.kernel != nil {
		gauges = append(gauges,
			&gauge{name: "kernel KiB", slack: 0.1, read: s.kernel.read},
			&gauge{name: "Slab KiB", shared: true, read: func() (int64, error) { return fromFile("/proc/meminfo", "Slab:") }},
			&gauge{name: "SUnreclaim KiB", shared: true, read: func() (int64, error) { return fromFile("/proc/meminfo", "SUnreclaim:") }},
			&gauge{name: "open files", shared: true, read: func() (int64, error) { return fromFile("/proc/sys/fs/file-nr", "") }})
	}
	for _, n := range s.nodes {
		for _, g := range []*gauge{
			{name: "links", read: n.links},
			{name: "rules", read: n.rules},
			{name: "inodes", read: func() (int64, error) {
				return n.stored(func(f unix.Statfs_t) int64 { return int64(f.Files - f.Ffree) })
			}},
			{name: "files KiB", read: func() (int64, error) {
				return n.stored(func(f unix.Statfs_t) int64 { return int64(f.Blocks-f.Bfree) * f.Bsize / 1024 })
			}},
			{name: "flows", read: n.flows},
			{name: "peak KiB", slack: 0.1, slow: true, read: func() (int64, error) { return n.peak(s.t), nil }},
		} {
			if g.slow && s.kernel == nil {
				continue
			}
			g.name = strings.TrimPrefix(n.network.name, "soak-") + " " + g.name
			gauges = append(gauges, g)
		}
	}
	return gauges
}

// sample reads all gauges, and reports what they say as a line of JSON.
func (s *soak) sample() {
	s.t.Helper()
	if s.gauges == nil {
		s.gauges = s.newGauges()
	}
	var next []int64
	for _, g := range s.gauges {
		value, err := g.read()
		if err != nil {
			s.t.Fatalf("%s: %v", g.name, err)
		}
		next = append(next, value)
	}
	s.samples = append(s.samples, next)
	line := map[string]int64{"cycles": int64(s.cycles)}
	for i, g := range s.gauges {
		line[g.name] = next[i]
	}
	text, err := json.Marshal(line)
	if err != nil {
		s.t.Fatal(err)
	}
	writeReport(s.t, string(text)+"\n")
}

// grown tells what has grown: it compares the last fifth of the samples with the second one. In
// the first one, what is made once for all is.
func (s *soak) grown() (list []string) {
	for i, g := range s.gauges {
		early, late := s.mean(i, 1), s.mean(i, 4)
		if !g.shared && late > early*(1+g.slack) {
			list = append(list, fmt.Sprintf("%s: from %.1f to %.1f", g.name, early, late))
		}
	}
	return list
}

// mean is that of a gauge in one fifth of the samples, from 0.
func (s *soak) mean(gauge, fifth int) float64 {
	length := len(s.samples) / 5
	sum := 0.0
	for _, sample := range s.samples[fifth*length : (fifth+1)*length] {
		sum += float64(sample[gauge])
	}
	return sum / float64(length)
}

// write reports, for each gauge, the bounds of its values and the means that were compared.
func (s *soak) write(took time.Duration) {
	var text strings.Builder
	fmt.Fprintf(&text, "\n%d cycles in %v, %.1f each second\n\n", s.cycles, took.Round(time.Second), float64(s.cycles)/took.Seconds())
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "what\tleast\tmost\tmean of the second fifth\tof the last fifth")
	for i, g := range s.gauges {
		value := func(a, b []int64) int { return cmp.Compare(a[i], b[i]) }
		least, most := slices.MinFunc(s.samples, value), slices.MaxFunc(s.samples, value)
		fmt.Fprintf(table, "%s\t%d\t%d\t%.1f\t%.1f\n", g.name, least[i], most[i], s.mean(i, 1), s.mean(i, 4))
	}
	table.Flush()
	s.t.Log("\n" + text.String())
	writeReport(s.t, text.String())
}

// links are those of the node and of its containers.
func (n *soakNode) links() (int64, error) {
	count, err := countLines("/proc/thread-self/net/dev", n.Do)
	for _, c := range n.containers {
		more, inside := countLines("/proc/thread-self/net/dev", c.Do)
		count, err = count+more, errors.Join(err, inside)
	}
	return count, err
}

// countLines counts those of a file as it is where do runs.
func countLines(path string, do func(func() error) error) (count int64, err error) {
	err = do(func() error {
		text, err := os.ReadFile(path)
		count = int64(bytes.Count(text, []byte("\n")))
		return err
	})
	return count, err
}

// rules are the lines of the ruleset, which has those of iptables, too.
func (n *soakNode) rules() (int64, error) {
	text, err := n.Try("nft", "list", "ruleset")
	return int64(strings.Count(text, "\n")), err
}

// stored adds up something of the file systems in which plugins keep state.
func (n *soakNode) stored(value func(unix.Statfs_t) int64) (sum int64, err error) {
	err = n.Do(func() error {
		for _, path := range []string{"/run", "/var/lib"} {
			var f unix.Statfs_t
			if err := unix.Statfs(path, &f); err != nil {
				return fmt.Errorf("statfs %s: %w", path, err)
			}
			sum += value(f)
		}
		return nil
	})
	return sum, err
}

// flows are what the kernel tracks of connections.
func (n *soakNode) flows() (count int64, err error) {
	err = n.Do(func() error {
		count, err = fromFile("/proc/sys/net/netfilter/nf_conntrack_count", "")
		return err
	})
	return count, err
}

// peak is the memory in KiB that the largest process of a cycle takes.
func (n *soakNode) peak(t *testing.T) int64 {
	t.Helper()
	p, peak, result := n.pods[0], int64(0), []byte(nil)
	for _, verb := range []string{"ADD", "CHECK", "DEL"} {
		for _, number := range p.order(verb) {
			out, taken := n.Memory(t, verb, p.call(t, number, result))
			if verb == "ADD" {
				result = out
			}
			peak = max(peak, taken.Largest)
		}
	}
	return peak / 1024
}

// fromFile returns the number in a file behind a word, or the first one.
func fromFile(path, word string) (number int64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	_, value, _ := strings.Cut(string(text), word)
	if _, err := fmt.Sscan(value, &number); err != nil {
		return 0, fmt.Errorf("read %s of %s: %w", word, path, err)
	}
	return number, nil
}

// kernelMemory is a file with what the kernel keeps for a control group, as the rules of its nodes:
// behind a word, in units of so many for a KiB.
type kernelMemory struct {
	path, word string
	units      int64
}

const controlGroups = "/sys/fs/cgroup"

// newKernelMemory makes a control group for this process and all that it starts. Where the machine
// has none for memory, unreclaimable memory of the whole machine, which then has to do nothing else, counts.
func newKernelMemory(t *testing.T) *kernelMemory {
	t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	if _, path, ok := strings.Cut(string(own), ":memory:"); ok {
		path, _, _ = strings.Cut(path, "\n")
		path = filepath.Join(controlGroups, "memory", path)
		return &kernelMemory{filepath.Join(enterGroup(t, path, path), "memory.kmem.usage_in_bytes"), "", 1024}
	}
	controllers, err := os.ReadFile(filepath.Join(controlGroups, "cgroup.controllers"))
	path, ok := strings.CutPrefix(string(own), "0::")
	if err != nil || !ok || !slices.Contains(strings.Fields(string(controllers)), "memory") {
		return &kernelMemory{"/proc/meminfo", "SUnreclaim:", 1}
	}
	path = filepath.Join(controlGroups, strings.TrimSpace(path))
	parent := path
	if path != controlGroups { // a group with processes has no others with controllers below it
		parent = filepath.Dir(path)
	}
	if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
		t.Fatal(err)
	}
	return &kernelMemory{filepath.Join(enterGroup(t, path, parent), "memory.stat"), "\nkernel ", 1024}
}

// enterGroup makes a control group below another one, for this process until the test ends, and
// returns its path.
func enterGroup(t *testing.T, from, parent string) string {
	t.Helper()
	group := filepath.Join(parent, fmt.Sprint("cni-soak-", os.Getpid()))
	enter := func(group string) error {
		return os.WriteFile(filepath.Join(group, "cgroup.procs"), fmt.Append(nil, os.Getpid()), 0)
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := enter(group); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(enter(from), os.Remove(group)); err != nil {
			t.Error(err)
		}
	})
	return group
}

// read returns KiB.
func (k *kernelMemory) read() (int64, error) {
	value, err := fromFile(k.path, k.word)
	return value / k.units, err
}
