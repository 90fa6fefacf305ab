package integration

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// stormRules are those of others: some in a table of their own, and some beside ours.
const stormRules = `
nft -f - <<'.'
table inet others
delete table inet others
table inet others { chain forward { type filter hook forward priority 5; ip saddr 198.51.100.1 drop; }; }
.
for command in iptables ip6tables; do
	{
		printf '*filter\n:OTHERS - [0:0]\n'
		for port in $(seq 1 50); do echo "-A OTHERS -p tcp --dport $port -j DROP"; done
		printf 'COMMIT\n*nat\n:OTHERS - [0:0]\n-A OTHERS -j RETURN\nCOMMIT\n'
	} | $command-restore --wait --noflush
done
`

// stormFlushes are what takes away all rules, or those of iptables.
var stormFlushes = []string{
	"nft flush ruleset",
	"for c in iptables ip6tables; do for t in filter nat; do printf '*%s\nCOMMIT\n' $t | $c-restore --wait; done; done",
}

// load loads the rules of others. Amid a flush iptables-restore may fail.
func (s *storm) load() {
	begin := s.flushCount()
	if _, err := s.node.Try("sh", "-ec", stormRules); err != nil && !s.flushedSince(begin) {
		s.t.Errorf("rules of others: %v", err)
	}
}

// blow has all happen that is not the runtime's, until the function that it returns is called.
func (s *storm) blow(pods []*stormPod) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	for _, f := range []func(){
		s.churn,
		s.load,
		s.flush(),
		func() { s.collect(pods) },
	} {
		running.Go(func() {
			// Half of the time nothing is flushed, so that CHECK has to succeed.
			for pause := time.Duration(0); ; {
				select {
				case <-done:
					return
				case <-time.After(pause):
				}
				begin := time.Now()
				f()
				pause = time.Since(begin)
			}
		})
	}
	return func() { close(done); running.Wait() }
}

// churn makes links that are nobody's, and deletes them.
func (s *storm) churn() {
	if _, err := s.node.Try("sh", "-ec", `for i in 1 2 3 4; do
		ip link add others$i type veth peer name others-peer$i; ip link set others$i up; ip link delete others$i; done`); err != nil {
		s.t.Errorf("links of others: %v", err)
	}
}

// flush returns what flushes in one way after the other, and repairs.
func (s *storm) flush() func() {
	next := 0
	return func() {
		s.countFlush()
		defer s.countFlush()
		how := stormFlushes[next%len(stormFlushes)]
		next++
		if _, err := s.node.Try("sh", "-ec", how); err != nil {
			s.t.Errorf("flush: %v", err)
		}
		if _, err := s.node.Try("sh", "-ec", stormRules); err != nil {
			s.t.Errorf("rules of others: %v", err)
		}
		for _, plugin := range []string{"bridge", "ptp", "firewall", "portmap"} {
			begin := time.Now()
			_, err := s.node.Try(pluginPath(s.t, plugin), "repair")
			outcome := succeeded
			if err != nil {
				outcome = ""
				s.t.Errorf("repair: %v", err)
			}
			s.count(stormCall{"repair", outcome, time.Since(begin)})
		}
	}
}

func (s *storm) countFlush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushes++
}

// flushCount is odd while there is one.
func (s *storm) flushCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flushes
}

// flushedSince reports whether there was a flush at any time since flushCount returned begin.
func (s *storm) flushedSince(begin int) bool { return begin%2 == 1 || s.flushCount() != begin }

// collect calls GC of all networks, twice at once, which keeps the residents and what there
// is, or may be soon, of the pods; without those it keeps nothing.
func (s *storm) collect(pods []*stormPod) {
	for i, network := range stormNetworks {
		valid := []map[string]string{}
		keep := func(id string) {
			valid = append(valid, map[string]string{"containerID": id, "ifname": "eth0"})
		}
		for _, p := range pods {
			if p.network.name == network.name {
				for _, id := range p.valid() {
					keep(id)
				}
			}
		}
		if pods != nil {
			keep(fmt.Sprint("resident-", i))
		}
		list, err := json.Marshal(valid)
		if err != nil {
			s.t.Error(err)
		}
		var running sync.WaitGroup
		for range 2 {
			running.Go(func() { s.gc(network, list) })
		}
		running.Wait()
	}
}

func (s *storm) gc(network podNetwork, valid []byte) {
	p := pod{network: network}
	for number := range network.plugins {
		call := p.call(s.t, number, nil).With("cni.dev/valid-attachments", valid)
		begin := time.Now()
		out := s.node.Run(s.t, "GC", call)
		outcome := succeeded
		if err := out.Err(); err != nil {
			outcome = ""
			s.t.Errorf("GC of %s: %v", network.plugins[number], err)
		}
		s.count(stormCall{"GC", outcome, time.Since(begin)})
	}
}
