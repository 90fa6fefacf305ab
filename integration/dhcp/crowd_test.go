package dhcp_test

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// crowd are containers whose ADDs ran at once.
type crowd struct {
	node       *node.Node
	containers []*node.Container
	calls      []node.Call
}

// addCrowd starts containers, each with a lease.
func addCrowd(t *testing.T, n *node.Node, s *dhcpnet.Segment, count int) *crowd {
	t.Helper()
	all := &crowd{node: n}
	for i := range count {
		c := plugged(t, n, s, fmt.Sprint("c", i))
		call := call(c, "")
		call.ContainerID = fmt.Sprint("container-", i)
		all.containers, all.calls = append(all.containers, c), append(all.calls, call)
	}
	all.each(func(i int) {
		out := n.Run(t, "ADD", all.calls[i])
		result, err := version.NewResult("1.1.0", out.Stdout)
		if out.Err() != nil || err != nil {
			t.Errorf("ADD: %v, %v", out.Err(), err)
			return
		}
		all.containers[i].Exec(t, "ip", "addr", "add", result.(*current.Result).IPs[0].Address.String(), "dev", "eth0")
		all.calls[i] = all.calls[i].With("prevResult", out.Stdout)
	})
	if t.Failed() {
		t.FailNow()
	}
	return all
}

// each runs f for each container, eight at a time.
func (all *crowd) each(f func(i int)) {
	var running sync.WaitGroup
	turns := make(chan struct{}, 8)
	for i := range all.calls {
		turns <- struct{}{}
		running.Go(func() {
			f(i)
			<-turns
		})
	}
	running.Wait()
}

// held tells what is wrong with the leases: all containers must have one, all
// different, and what the daemon says must be what the interface has.
func (all *crowd) held(t *testing.T, prefix string) string {
	t.Helper()
	holders := make(map[string]string)
	leases := make(map[string]dhcpnet.Lease)
	for _, lease := range dhcpnet.Leases(t, all.node) {
		if other, taken := holders[lease.Address]; taken {
			return fmt.Sprintf("%s and %s both have %s", other, lease.ContainerID, lease.Address)
		}
		holders[lease.Address] = lease.ContainerID
		leases[lease.ContainerID] = lease
	}
	for i, c := range all.containers {
		lease, ok := leases[all.calls[i].ContainerID]
		if got := addresses(t, c); !ok || got != lease.Address || !strings.HasPrefix(got, prefix) {
			return fmt.Sprintf("%s has %q, the daemon %+v", all.calls[i].ContainerID, got, lease)
		}
	}
	return ""
}

// status reads a number of /proc/PID/status.
func status(t *testing.T, pid int, key string) int {
	t.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); name == key {
			number, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return number
		}
	}
	t.Fatalf("no %s in the status of %d", key, pid)
	return 0
}

// 200 leases take neither threads nor open files, and little memory.
func TestManyLeases(t *testing.T) {
	t.Parallel()
	const count = 200
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	s.Dnsmasq(t, s.Range(2, 250))
	daemon := dhcpnet.Daemon(t, n)
	first := plugged(t, n, s, "first")
	add(t, n, first, call(first, ""))
	empty := status(t, daemon.Pid(), "RssAnon")
	all := addCrowd(t, n, s, count)
	if wrong := all.held(t, "10.1.2."); wrong != "" {
		t.Error(wrong)
	}
	threads, memory := status(t, daemon.Pid(), "Threads"), status(t, daemon.Pid(), "RssAnon")
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", daemon.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d leases: %d threads, %d files, %d kB more than %d kB", count, threads, len(files), memory-empty, empty)
	if threads > 30 || len(files) > 40 || memory-empty > count*50 {
		t.Errorf("%d threads, %d files, %d kB for %d leases", threads, len(files), memory-empty, count)
	}
	all.each(func(i int) {
		if err := n.Run(t, "DEL", all.calls[i]).Err(); err != nil {
			t.Errorf("DEL: %v", err)
		}
	})
}

// soakVariable names the environment variable with the least duration of TestSoak.
// By default it is one round.
const soakVariable = "DHCP_SOAK"

// With short leases, and a server that is away for a while and then has other
// addresses, again and again, no container loses its lease for longer than that
// takes, no two have the same address, and the daemon's memory does not grow.
func TestSoak(t *testing.T) {
	t.Parallel()
	duration, err := time.ParseDuration(cmp.Or(os.Getenv(soakVariable), "1s"))
	if err != nil {
		t.Fatal(err)
	}
	n := node.New(t)
	s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
	so := &soak{t: t, node: n, segment: s}
	so.serve()
	so.daemon = dhcpnet.Daemon(t, n, "-resendmax", "2s")
	so.crowd = addCrowd(t, n, s, 100)
	var memory []int
	for start := time.Now(); time.Since(start) < duration; {
		so.round([]string{"10.7.7", "10.1.2"}[len(memory)%2])
		memory = append(memory, status(t, so.daemon.Pid(), "RssAnon"))
	}
	t.Logf("%d renewals, kB after each round: %v", so.daemon.Count("lease renewed"), memory)
	if first, last := memory[0], memory[len(memory)-1]; last > first*5/4 || first > 30<<10 {
		t.Errorf("the daemon has %d kB, and had %d kB", last, first)
	}
	so.crowd.each(func(i int) {
		if err := n.Run(t, "DEL", so.crowd.calls[i]).Err(); err != nil {
			t.Errorf("DEL: %v", err)
		}
	})
}

// soak is a crowd whose server changes.
type soak struct {
	t       *testing.T
	node    *node.Node
	segment *dhcpnet.Segment
	server  *node.Process
	daemon  *node.Process
	crowd   *crowd
}

func (s *soak) serve() {
	s.t.Helper()
	const lifetime = 20
	s.server = s.segment.Kea(s.t, 10, 120, lifetime, "")
}

// round stops the server and starts it again, and then does so with another
// network.
func (s *soak) round(next string) {
	s.t.Helper()
	const (
		calm   = 8 * time.Second
		outage = 4 * time.Second
	)
	lost := s.lost()
	s.watch(calm)
	s.server.Stop(syscall.SIGKILL)
	s.watch(outage)
	s.serve()
	s.watch(calm)
	if lost = s.lost() - lost; lost > 0 {
		s.t.Errorf("%d leases were lost", lost)
	}
	s.server.Stop(syscall.SIGKILL)
	s.segment.Exec(s.t, "sh", "-ec", fmt.Sprintf("ip addr flush dev eth0 scope global; ip addr add %s.1/24 dev eth0", next))
	s.segment.Net = next
	s.serve()
	eventually(s.t, 2*limit, func() string { return s.crowd.held(s.t, next+".") })
	s.watch(calm)
}

// lost counts leases that ended against the will of the daemon.
func (s *soak) lost() int { return s.daemon.Count("lease expired") + s.daemon.Count("not prolonged") }

// watch looks at the leases again and again.
func (s *soak) watch(d time.Duration) {
	s.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(2 * time.Second) {
		if wrong := s.crowd.held(s.t, s.segment.Net+"."); wrong != "" {
			s.t.Fatal(wrong)
		}
	}
}
