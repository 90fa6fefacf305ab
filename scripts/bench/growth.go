package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// growth is a comparison of nodes that have ever more of one thing.
type growth struct {
	of      string
	numbers []int
	scenario
	last bool // only the last plugin of the chain is measured
	fill func(n int) error
}

func growths() []growth {
	const (
		leases  = `"ipam":{"type":"host-local","subnet":"10.1.0.0/16"}`
		gateway = `"isGateway":true,` + leases
		masq    = `"ipMasq":true,"ipMasqBackend":"iptables",` + gateway
		ports   = `"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}`
	)
	published := func(backend string) scenario {
		return scenario{member: member{"bridge", gateway}, chained: []member{{"portmap", `"backend":"` + backend + `",` + ports}}}
	}
	onNFTables := published("nftables")
	onNFTables.own = true
	return []growth{
		{of: "leases: host-local", numbers: []int{1, 100, 10_000, 60_000}, scenario: scenario{member: member{"host-local", leases}}, fill: func(n int) error {
			return errors.Join(reserve(oursSide, n), reserve(bundleSide, n), reserve(otherSide, n))
		}},
		{of: "ports of the bridge: bridge", numbers: []int{1, 10, 100, 1000}, scenario: scenario{member: member{"bridge", gateway}}, fill: func(n int) error {
			return pipe("link add cni0 up type bridge\n"+sizes{ports: n}.bridgePorts(), "ip", "-batch", "-")
		}},
		{of: "published ports: portmap on iptables", numbers: []int{1, 10, 100, 1000}, scenario: published("iptables"), last: true, fill: func(n int) error {
			return scenario{mapped: n}.gatherMapped(crowded, "iptables")
		}},
		{of: "published ports: portmap on nftables", numbers: []int{1, 10, 100, 1000}, scenario: onNFTables, last: true, fill: func(n int) error {
			return scenario{mapped: n}.gatherMapped(crowded, "nftables")
		}},
		{of: "Services: bridge, masquerade, portmap, firewall on iptables", numbers: []int{1, 100, 1000, 10_000},
			scenario: scenario{member: member{"bridge", masq}, chained: []member{{"portmap", `"backend":"iptables",` + ports}, {"firewall", `"backend":"iptables"`}}},
			fill: func(n int) error {
				return pipe(sizes{services: n}.services4(), "iptables-restore")
			}},
	}
}

// runGrowth measures with each number on a node of its own.
func (b *bench) runGrowth(only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	row(os.Stdout, "Beside", "Number", "Verb", "Plugins", "Median")
	row(os.Stdout, "---", "---", "---", "---", "---")
	for _, g := range growths() {
		if !pattern.MatchString(g.of) {
			continue
		}
		fmt.Fprintln(os.Stderr, g.of)
		for _, number := range g.numbers {
			if err := b.grow(g, number); err != nil {
				return fmt.Errorf("%s, %d: %w", g.of, number, err)
			}
		}
	}
	return nil
}

func (b *bench) grow(g growth, number int) error {
	n, err := node.Make()
	if err != nil {
		return err
	}
	defer n.Close()
	took := results{}
	err = n.Do(func() error {
		for _, id := range []string{measured, crowded} {
			if err := addNamespace(id); err != nil {
				return err
			}
		}
		if err := fillHere(g.of, "-number", fmt.Sprint(number)); err != nil {
			return err
		}
		return b.repeat(g, took)
	})
	for _, f := range took.figures() {
		f.Part, f.Number = figures.Growth, number
		b.figures = append(b.figures, f)
		row(os.Stdout, f.Case, fmt.Sprint(number), f.Verb, f.Side, fmt.Sprintf("%.2f ms", f.Median))
	}
	return err
}

// repeat takes the sides in turns; the others, whose calls may take seconds, less often.
func (b *bench) repeat(g growth, took results) error {
	for i := range warmUps + max(b.iterations/3, 1) {
		for _, side := range b.order(i) {
			others := side.name == otherSide
			if others && (g.own || i%othersEvery != 0) {
				continue
			}
			a := newAttachment(side.name, side.bin, measured, g.scenario)
			a.network = side.name
			for _, verb := range []string{"ADD", "DEL"} {
				each, err := a.call(verb)
				if err != nil {
					return err
				}
				if i >= warmUps || others {
					took.add(series{side.name, g.of, verb}, g.total(each))
				}
			}
		}
	}
	return nil
}

// total is what counts of the time of a chain's plugins.
func (g growth) total(each []time.Duration) time.Duration {
	if g.last {
		return each[len(each)-1]
	}
	var sum time.Duration
	for _, took := range each {
		sum += took
	}
	return sum
}
