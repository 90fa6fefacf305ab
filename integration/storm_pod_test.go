package integration

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/integration/node"
)

// stormPod is a place for containers that come and go, one after the other, on a network and
// with a host port that stay.
type stormPod struct {
	*node.Container
	storm   *storm
	number  int
	network podNetwork
	rounds  int
	random  *rand.Rand
	// generation is the number of the container that is there. Those before it are gone.
	generation atomic.Int64
	// took is how long the last call took that did all it had to, in nanoseconds.
	took atomic.Int64
	// added are the addresses of that container, and result what the last plugin returned that
	// gave it some.
	added  []string
	result []byte
}

func newStormPod(s *storm, number, rounds int) *stormPod {
	p := &stormPod{
		storm: s, number: number, rounds: rounds,
		network: stormNetworks[number%len(stormNetworks)],
		random:  rand.New(rand.NewPCG(uint64(number), 0)),
	}
	p.enter()
	return p
}

// enter makes the namespace.
func (p *stormPod) enter() {
	p.Container = p.storm.node.Container(p.storm.t, fmt.Sprint("pod-", p.number))
}

// pod is the container that is there.
func (p *stormPod) pod() pod {
	return pod{network: p.network, id: p.id(p.generation.Load()), netns: p.Path, hostPort: 8000 + p.number}
}

func (p *stormPod) id(generation int64) string { return fmt.Sprintf("pod-%d-%d", p.number, generation) }

// valid are the containers whose attachments a GC has to keep: those that may come, too,
// since it may be on its way when they do.
func (p *stormPod) valid() []string {
	var ids []string
	for i := p.generation.Load(); i <= int64(p.rounds); i++ {
		ids = append(ids, p.id(i))
	}
	return ids
}

// The outcomes of calls that a runtime has to expect. Any other failure is a fault.
const (
	succeeded = "succeeded"
	// killed is a call that the runtime had no patience for.
	killed = "killed"
	// refused is an ADD of an attachment that is there, or is just being made.
	refused = "ADD of what is attached"
	// crossed is an ADD beside a DEL of the same attachment.
	crossed = "ADD beside its DEL"
	// amidFlush is a CHECK beside which rules were flushed and repaired.
	amidFlush = "CHECK amid a flush"
)

// live runs rounds of an attachment from ADD to its end. It has every call made twice, one
// after the other or at once, and kills the plugin in half of the rounds; a plugin that was
// killed is followed by a DEL at once, also while what it had started goes on.
func (p *stormPod) live() {
	for range p.rounds {
		switch p.random.IntN(8) {
		case 0:
			p.checks(p.add(0))
		case 1:
			result := p.add(0)
			p.again(result)
			p.checks(result)
		case 2:
			p.checks(p.addTwice())
		case 3:
			p.cross()
		case 4, 5, 6:
			p.add(p.moment())
		case 7:
			result := p.add(0)
			p.release()
			p.call("DEL", result, p.moment(), nil)
		}
		if p.random.IntN(10) == 0 {
			p.forget()
			continue
		}
		p.dels()
	}
}

// moment is after what time a plugin is killed: at its start, or some time later.
func (p *stormPod) moment() time.Duration {
	return time.Duration(1 + p.random.Int64N(int64(20*time.Millisecond)+p.took.Load()))
}

// call calls a verb of all plugins, each for at most some time, unless that is 0. Failures
// are those that expected tells the outcome of.
func (p *stormPod) call(verb string, result []byte, patience time.Duration, expected func(error) string) ([]byte, bool) {
	outcome := func(out node.Outcome) string {
		switch err := out.Err(); {
		case err == nil:
			return succeeded
		case patience != 0 && out.Status.Signal() == syscall.SIGKILL:
			return killed
		case expected != nil && node.IsError(err):
			return expected(err)
		}
		return ""
	}
	pod := p.pod()
	pod.patience = patience
	last := ""
	result, err := pod.run(p.storm.t, p.storm.node, verb, result, func(out node.Outcome, took time.Duration) {
		if last = outcome(out); last == succeeded {
			p.took.Store(int64(took))
		}
		p.storm.count(stormCall{verb, last, took})
	})
	if err != nil && last == "" {
		p.storm.t.Errorf("%s: %v", pod.id, err)
	}
	return result, err == nil
}

// add attaches the container, and returns nil unless that succeeds.
func (p *stormPod) add(patience time.Duration) []byte {
	result, ok := p.call("ADD", nil, patience, nil)
	if result != nil {
		p.hold(result)
	}
	if !ok {
		return nil
	}
	return result
}

// again attaches it a second time, which must change nothing.
func (p *stormPod) again(result []byte) {
	if result == nil {
		return
	}
	if _, ok := p.call("ADD", nil, 0, attachedAlready); ok {
		p.storm.t.Errorf("%s is attached twice", p.pod().id)
	}
}

func attachedAlready(error) string { return refused }

// addTwice attaches it by two calls at once, of which one must succeed.
func (p *stormPod) addTwice() []byte {
	var results [2][]byte
	p.twice(func(i int) {
		if result, ok := p.call("ADD", nil, 0, attachedAlready); ok {
			results[i] = result
		}
	})
	one, other := results[0], results[1]
	if (one == nil) == (other == nil) {
		p.storm.t.Errorf("%s: of two ADDs at once both or none succeed", p.pod().id)
	}
	if one == nil {
		one = other
	}
	if one != nil {
		p.hold(one)
	}
	return one
}

// cross detaches it while it is being attached, as a runtime does that was killed amid an ADD
// and starts again. What there is afterwards is for the next DEL.
func (p *stormPod) cross() {
	p.twice(func(i int) {
		if i == 0 {
			p.call("ADD", nil, 0, func(error) string { return crossed })
		} else {
			p.call("DEL", nil, 0, nil)
		}
	})
}

// checks looks twice at once at what was attached.
func (p *stormPod) checks(result []byte) {
	if result == nil {
		return
	}
	p.twice(func(int) {
		begin := p.storm.flushCount()
		p.call("CHECK", result, 0, func(error) string {
			if p.storm.flushedSince(begin) {
				return amidFlush
			}
			return ""
		})
	})
}

// dels detaches it twice at once, with what ADD has returned and without.
func (p *stormPod) dels() {
	p.release()
	results := [][]byte{p.result, nil}
	p.twice(func(i int) { p.call("DEL", results[i], 0, nil) })
	p.result = nil
}

// forget has the container go without a DEL, which leaves it to GC.
func (p *stormPod) forget() {
	p.Remove(p.storm.t)
	p.release()
	p.result = nil
	p.generation.Add(1)
	p.enter()
}

func (p *stormPod) twice(f func(int)) {
	var running sync.WaitGroup
	for i := range 2 {
		running.Go(func() { f(i) })
	}
	running.Wait()
}

// hold notes the addresses of a result, which nobody else may have.
func (p *stormPod) hold(raw []byte) {
	var result current.Result
	if err := json.Unmarshal(raw, &result); err != nil {
		p.storm.t.Error(err)
	}
	p.result = raw
	id := p.pod().id
	p.storm.mu.Lock()
	defer p.storm.mu.Unlock()
	for _, ip := range result.IPs {
		address := ip.Address.IP.String()
		if other, taken := p.storm.holders[address]; taken && other != id {
			p.storm.t.Errorf("%s and %s have %s", other, id, address)
		}
		p.storm.holders[address] = id
		p.added = append(p.added, address)
	}
}

// release forgets the addresses, before any call that gives them back.
func (p *stormPod) release() {
	p.storm.mu.Lock()
	defer p.storm.mu.Unlock()
	for _, address := range p.added {
		delete(p.storm.holders, address)
	}
	p.added = nil
}
