package integration

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// stormNetworks are those of a storm. Each address is given to several pods, one after the
// other.
var stormNetworks = []podNetwork{
	{"storm-nftables", []string{
		`"type": "bridge", "bridge": "storm0", "isDefaultGateway": true, "ipMasq": true, "ipMasqBackend": "nftables", ` + stormRanges(1),
		`"type": "portmap", "backend": "nftables"`,
		`"type": "firewall", "backend": "nftables"`,
	}},
	{"storm-iptables", []string{
		`"type": "ptp", "ipMasq": true, "ipMasqBackend": "iptables", ` + stormRanges(2),
		`"type": "portmap", "backend": "iptables"`,
		`"type": "firewall", "backend": "iptables"`,
	}},
	{"storm-macvlan", []string{`"type": "macvlan", "master": "uplink", "mode": "bridge", ` + stormRanges(3)}},
	{"storm-ranges", []string{`"type": "bridge", "bridge": "storm1", "ipam": {"type": "host-local", "ranges": [
		[{"subnet": "10.64.0.0/27"}, {"subnet": "10.64.1.0/25", "rangeStart": "10.64.1.10", "rangeEnd": "10.64.1.120"}],
		[{"subnet": "10.64.2.0/24"}], [{"subnet": "fd64::/120"}]]}`}},
	{"storm-shaped", []string{
		`"type": "ptp", ` + stormRanges(5),
		`"type": "tuning", "mtu": 1400, "sysctl": {"net.ipv4.conf.IFNAME.proxy_arp": "1"}`,
		`"type": "bandwidth", "ingressRate": 8000000, "ingressBurst": 800000, "egressRate": 8000000, "egressBurst": 800000`,
	}},
}

func stormRanges(i int) string {
	return fmt.Sprintf(`"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.6%[1]d.0.0/25"}], [{"subnet": "fd6%[1]d::/120"}]],
		"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}`, i)
}

// stormVariable names the environment variable that makes a storm a real one, of so many rounds.
const stormVariable = "CNI_TEST_STORM"

// 200 containers of five networks come and go at once under a runtime at its worst (see
// stormPod), while links that are nobody's come and go, rules of others are loaded again and
// again, all rules are flushed and repaired, and garbage is collected. No error is one that a
// runtime need not expect, no address is given twice, and nothing is left. By default it is
// a small one.
func TestStorm(t *testing.T) {
	t.Parallel()
	each, rounds := 4, 3
	if given := fromEnvironment(t, stormVariable); given > 0 {
		each, rounds = 40, given
	}
	s := &storm{t: t, node: node.New(t), holders: map[string]string{}}
	s.node.Exec(t, "sh", "-ec", "ip link add uplink type veth peer name peer; for l in uplink peer; do ip link set $l addrgenmode none; ip link set $l up; done")
	s.load()
	var residents residents
	for i, network := range stormNetworks {
		id := fmt.Sprint("resident-", i)
		residents = append(residents, resident{pod: pod{network: network, id: id, netns: s.node.Container(t, id).Path, hostPort: 7000 + i}})
	}
	residents.all(s, "ADD", "DEL") // what is left is for all
	empty := s.node.State(t)
	residents.all(s, "ADD", "CHECK")
	var pods []*stormPod
	var containers []*node.Container
	for i := range each * len(stormNetworks) {
		p := newStormPod(s, i, rounds)
		pods, containers = append(pods, p), append(containers, p.Container)
	}
	before := s.node.State(t, containers...)

	began := time.Now()
	stop := s.blow(pods)
	var running sync.WaitGroup
	for _, p := range pods {
		running.Go(p.live)
	}
	running.Wait()
	stop()
	took := time.Since(began)

	s.collect(pods)
	residents.all(s, "CHECK")
	containers = nil
	for _, p := range pods {
		containers = append(containers, p.Container)
	}
	left := s.expect(before, "the storm", containers...)
	residents.all(s, "DEL")
	s.collect(nil)
	for _, p := range pods {
		p.Remove(t)
	}
	left += s.expect(empty, "the last DEL")
	s.write(took, left)
}

// residents are containers that are there all the time, one of each network.
type residents []resident

type resident struct {
	pod
	result []byte
}

// all calls verbs of all of them.
func (r residents) all(s *storm, verbs ...string) {
	s.t.Helper()
	for _, verb := range verbs {
		for i, one := range r {
			var err error
			if r[i].result, err = one.run(s.t, s.node, verb, one.result, nil); err != nil {
				s.t.Fatalf("a container that is there all the time: %v", err)
			}
			if verb == "DEL" {
				r[i].result = nil
			}
		}
	}
}

// storm is a node, what happens on it at once, and what came of it.
type storm struct {
	t    *testing.T
	node *node.Node

	mu sync.Mutex
	// flushes counts the beginnings and the ends of flushes. The repair is part of them.
	flushes int
	// holders are the pods by their addresses.
	holders map[string]string
	calls   []stormCall
}

// stormCall is what came of the call of a plugin.
type stormCall struct {
	verb, outcome string
	took          time.Duration
}

// expect compares the node with what it was, but for the order of rules, which a flush
// changes, and returns how many differences there are.
func (s *storm) expect(before hoststate.State, when string, containers ...*node.Container) int {
	s.t.Helper()
	var lines []string
	if settled(func() bool {
		diff := hoststate.Diff(before, s.node.State(s.t, containers...), node.Lasting())
		lines = slices.DeleteFunc(strings.SplitAfter(diff, "\n"), func(l string) bool { return l == "" || strings.HasPrefix(l, "! ") })
		return len(lines) == 0
	}) {
		return 0
	}
	s.t.Errorf("after %s:\n%s", when, strings.Join(lines, ""))
	return len(lines)
}
