package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/containernetworking/plugins/integration/node"
)

// kind is how much there is on a node.
type kind string

const (
	empty    kind = "empty"
	onlyOurs kind = "only ours" // what GC and repair may be linear in
	full     kind = "full"
)

// place is where a verb was called, and whose.
type place struct {
	kind             kind
	side, name, verb string
}

// fullNode is a comparison of nodes that have little and much.
type fullNode struct {
	*bench
	divisor int
	nodes   map[kind]*node.Node
	took    map[place][]time.Duration
}

const firstADD = "first ADD"

// fullVerbs are in the order of the calls.
var fullVerbs = []string{firstADD, "ADD", "CHECK", "STATUS", "repair", "GC", "DEL"}

// measured is the id of the container.
const measured = "measured"

// othersEvery is in how many rounds the other plugins take part, which may take seconds.
const othersEvery = 4

// fullScenarios are configurations in which each plugin of a chain is measured.
func fullScenarios(backend string) []scenario {
	const leases = `"ipam":{"type":"host-local","subnet":"10.1.0.0/16"}`
	masquerade := `"ipMasq":true,"ipMasqBackend":"` + backend + `",`
	chain := []member{
		{"portmap", `"backend":"` + backend + `","runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}`},
		{"firewall", `"backend":"` + backend + `"`},
		{"bandwidth", `"ingressRate":8000000,"ingressBurst":800000,"egressRate":8000000,"egressBurst":800000`},
	}
	return []scenario{
		{name: "bridge", member: member{"bridge", `"isGateway":true,` + masquerade + leases}, chained: chain, own: backend == "nftables"},
		{name: "ptp", member: member{"ptp", masquerade + leases}, own: backend == "nftables"},
		{name: "host-local", member: member{"host-local", leases}},
	}
}

// variant is a backend with the tools of one variant of iptables.
type variant struct{ name, backend, tools string }

// runFull measures each backend on nodes of its own.
func (b *bench) runFull(only string, divisor int) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	for _, v := range []variant{
		{"nftables", "nftables", "xtables-nft-multi"},
		{"iptables, nf_tables", "iptables", "xtables-nft-multi"},
		{"iptables, legacy", "iptables", "xtables-legacy-multi"},
	} {
		if !pattern.MatchString(v.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, v.name)
		f := fullNode{bench: b, divisor: divisor, nodes: map[kind]*node.Node{}, took: map[place][]time.Duration{}}
		scenarios := fullScenarios(v.backend)
		if err := v.within(func() error { return f.run(scenarios) }); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		f.print(os.Stdout, v.name, scenarios)
		b.figures = append(b.figures, f.figures(v.name)...)
	}
	return nil
}

// within runs f where "iptables" and its like are those of the variant.
func (v variant) within(f func() error) error {
	path, err := exec.LookPath(v.tools)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", v.tools)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, tool := range []string{"iptables", "ip6tables"} {
		for _, suffix := range []string{"", "-save", "-restore"} {
			if err := os.Symlink(path, filepath.Join(dir, tool+suffix)); err != nil {
				return err
			}
		}
	}
	search := os.Getenv("PATH")
	defer os.Setenv("PATH", search)
	if err := os.Setenv("PATH", dir+":"+search); err != nil {
		return err
	}
	return f()
}

func (f *fullNode) run(scenarios []scenario) error {
	for _, k := range []kind{empty, onlyOurs, full} {
		n, err := node.Make()
		if err != nil {
			return err
		}
		defer n.Close()
		f.nodes[k] = n
		if err := n.Do(func() error { return f.prepare(k) }); err != nil {
			return err
		}
	}
	if err := f.repeat(scenarios, max(f.iterations/4, 1), f.first); err != nil {
		return err
	}
	for _, k := range []kind{onlyOurs, full} {
		if err := f.nodes[k].Do(func() error { return fillHere("ours", f.less()...) }); err != nil {
			return err
		}
	}
	return f.repeat(scenarios, f.iterations, f.cycle)
}

// prepare makes the namespaces of the measured container and of those that fill the
// node, and what others have there.
func (f *fullNode) prepare(k kind) error {
	for _, id := range []string{measured, crowded} {
		if err := addNamespace(id); err != nil {
			return err
		}
	}
	if k != full {
		return nil
	}
	return fillHere("others", f.less()...)
}

// less is by how much a node has less, for who fills it.
func (f *fullNode) less() []string { return []string{"-d", fmt.Sprint(f.divisor)} }

// repeat takes the nodes and the sides in turns.
func (f *fullNode) repeat(scenarios []scenario, rounds int, step func(visit, bool) error) error {
	for i := range warmUps + rounds {
		for _, s := range scenarios {
			for k, n := range f.nodes {
				for _, side := range f.order(i) {
					if side.name == otherSide && (s.own || i%othersEvery != 0) {
						continue
					}
					a := newAttachment(side.name, side.bin, measured, s)
					a.network = side.name
					err := n.Do(func() error { return step(visit{k, s, a}, i >= warmUps || side.name == otherSide) })
					if err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// visit is an attachment on a node.
type visit struct {
	kind kind
	scenario
	*attachment
}

// first measures the ADD that finds nothing of ours, not even what is for all attachments.
func (f *fullNode) first(v visit, count bool) error {
	if err := v.forget(); err != nil {
		return err
	}
	if err := f.measure(v, "ADD", firstADD, count); err != nil {
		return err
	}
	_, err := v.call("DEL")
	return err
}

// cycle measures all verbs, in ours also those that are newer than the other plugins.
func (f *fullNode) cycle(v visit, count bool) error {
	for _, verb := range fullVerbs[1:] {
		if v.side == otherSide && !slices.Contains([]string{"ADD", "CHECK", "DEL"}, verb) {
			continue
		}
		if err := f.measure(v, verb, verb, count); err != nil {
			return err
		}
	}
	return nil
}

func (f *fullNode) measure(v visit, verb, as string, count bool) error {
	took, err := v.call(verb)
	if v.side == otherSide && verb == "CHECK" && err != nil { // some of its own rules it does not know
		return nil
	}
	if err != nil || !count {
		return err
	}
	for i, m := range v.attachment.chain {
		if took[i] == 0 { // there is no such verb
			continue
		}
		p := place{v.kind, v.side, v.name + ": " + m.plugin, as}
		f.took[p] = append(f.took[p], took[i])
	}
	return nil
}
