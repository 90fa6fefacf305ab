package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

const netnsFolder = "/run/netns"

// warmUps are calls that are not counted: they fill the page cache, and build the index
// beside leases that were there before.
const warmUps = 3

type bench struct {
	sides      []side
	idle       string
	attach     string
	iterations int
	before     bool // the other side is an earlier build of ours
	results    results
	memories   memories
	figures    []figures.Figure
	started    []string // plugins whose start was measured
}

// side is a set of plugins.
type side struct{ name, bin string }

// measure takes the sides in turns, and each first as often as the other, so that
// whatever changes on the machine meanwhile meets all alike.
func (b *bench) measure(s scenario) error {
	for _, side := range b.sides {
		if err := reserve(networkName(side.name, s), s.leases); err != nil {
			return err
		}
	}
	ids, err := addNamespaces(max(s.parallel, 1))
	if err != nil {
		return err
	}
	leave, err := s.gatherOthers(ids[0])
	if err != nil {
		return err
	}
	for i := range warmUps + b.rounds(s) {
		for _, side := range b.order(i) {
			// An odd step, so that each side is still the first as often as the other.
			if side.name == otherSide && !b.before && (s.own || s.slow && i%11 != 0) {
				continue
			}
			if err := b.cycle(side, s, ids, i >= warmUps); err != nil {
				return err
			}
		}
		if i >= warmUps {
			if err := b.measureIdle(s); err != nil {
				return err
			}
		}
		if s.links && i >= warmUps {
			measure := func() error { return b.measureLinkDel(s, ids[0]) }
			if s.parallel > 0 {
				measure = func() error { return b.measureAttach(s, ids) }
			}
			if err := measure(); err != nil {
				return err
			}
		}
		if s.elements && i >= warmUps {
			if err := b.measureElementDel(s); err != nil {
				return err
			}
		}
	}
	if err := b.measureMemory(s, ids[0]); err != nil {
		return err
	}
	return errors.Join(leave(), deleteNamespaces(ids))
}

// rounds is how often a scenario runs: many containers at once are many calls in a round.
func (b *bench) rounds(s scenario) int {
	if s.parallel > 0 {
		return max(b.iterations/10, 1)
	}
	return b.iterations
}

func (b *bench) order(i int) []side {
	sides := slices.Clone(b.sides)
	if i%2 == 1 {
		slices.Reverse(sides)
	}
	return sides
}

// cycle runs each verb for all containers at once, and counts how long all took and, of
// a chain, how long each plugin did.
func (b *bench) cycle(side side, s scenario, ids []string, count bool) error {
	attachments := make([]*attachment, len(ids))
	for i, id := range ids {
		attachments[i] = newAttachment(side.name, side.bin, id, s)
	}
	for _, verb := range []string{"ADD", "CHECK", "DEL"} {
		if verb == "CHECK" && s.unchecked {
			continue
		}
		took, each, err := callAll(attachments, verb)
		if err != nil {
			return err
		}
		if count {
			b.count(side.name, s, verb, took, each)
		}
	}
	return nil
}

// count notes how long a verb took for all containers, for each, and in each plugin of a chain.
func (b *bench) count(side string, s scenario, verb string, took time.Duration, each [][]time.Duration) {
	if s.parallel == 0 {
		took = sum(each[0]) // without what a runtime does in between
	}
	b.results.add(series{side, s.name, verb}, took)
	for _, times := range each {
		if s.parallel > 0 {
			b.results.add(series{side, oneOf(s.name), verb}, sum(times))
		}
		for i, name := range s.memberNames() {
			b.results.add(series{side, name, verb}, times[i])
		}
	}
}

func sum(times []time.Duration) (total time.Duration) {
	for _, d := range times {
		total += d
	}
	return total
}

// callAll returns the time from the first call's start to the last's end, and what each
// plugin of each attachment took.
func callAll(attachments []*attachment, verb string) (took time.Duration, each [][]time.Duration, err error) {
	var group sync.WaitGroup
	each, errs := make([][]time.Duration, len(attachments)), make([]error, len(attachments))
	start := time.Now()
	for i, a := range attachments {
		group.Go(func() { each[i], errs[i] = a.call(verb) })
	}
	group.Wait()
	took = time.Since(start)
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return 0, nil, errs[i]
	}
	return took, each, nil
}

// reserve writes host-local's reservations for containers that this run knows nothing of,
// from the top of the range.
func reserve(network string, leases int) error {
	folder := filepath.Join("/var/lib/cni/networks", network)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	address := netip.MustParseAddr("10.1.255.254")
	for i := range leases {
		content := fmt.Sprintf("somebody-%d\r\neth0", i)
		if err := os.WriteFile(filepath.Join(folder, address.String()), []byte(content), 0o600); err != nil {
			return err
		}
		address = address.Prev()
	}
	return nil
}

// namespace is what the namespaces of containers are called, with a number.
const namespace = "bench%d"

func addNamespaces(n int) ([]string, error) {
	var ids []string
	for i := range n {
		id := fmt.Sprintf(namespace, i)
		if err := addNamespace(id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func addNamespace(id string) error {
	if err := command("ip", "netns", "add", id).Run(); err != nil {
		return fmt.Errorf("add network namespace %q: %w", id, err)
	}
	return nil
}

func deleteNamespaces(ids []string) error {
	for _, id := range ids {
		if err := command("ip", "netns", "del", id).Run(); err != nil {
			return fmt.Errorf("delete network namespace %q: %w", id, err)
		}
	}
	return nil
}

func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	return cmd
}
