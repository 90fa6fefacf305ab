package main

import (
	"time"

	"github.com/containernetworking/plugins/scripts/bench/figures"
)

// member is a plugin of a chain.
type member struct {
	plugin string
	conf   string // the configuration's members besides cniVersion, name and type
}

// scenario is a configuration to measure.
type scenario struct {
	name string
	member
	chained   []member // that follow in the chain
	leases    int      // addresses that others have reserved before
	slow      bool     // the other plugins take so long that an eleventh of the iterations must do
	own       bool     // the other plugins lack something for it
	unchecked bool     // the other plugins have a CHECK that fails
	crowd     int      // attachments of others that are masqueraded and checked for spoofing before
	mapped    int      // attachments of others that have a host port in nftables before
	foreign   int      // rules in nftables that are nobody's
	elements  bool     // also measure the deletion of an element in nftables, to compare with
	links     bool     // also measure the deletion of a link, to compare with, and of many at once their making
	parallel  int      // containers at once; 0 means one after the other
}

// chain is all plugins, in the order of ADD.
func (s scenario) chain() []member { return append([]member{s.member}, s.chained...) }

// names are those under which it is measured: as a whole, of many containers each by itself, and of
// a chain each plugin.
func (s scenario) names() []string {
	names := []string{s.name}
	if s.parallel > 0 {
		names = append(names, oneOf(s.name))
	}
	return append(names, s.memberNames()...)
}

// oneOf is the name under which calls for one container are measured, beside those for others.
func oneOf(scenario string) string { return scenario + ": one of them" }

// memberNames are those of the plugins of a chain.
func (s scenario) memberNames() []string {
	if len(s.chained) == 0 {
		return nil
	}
	var names []string
	for _, m := range s.chain() {
		names = append(names, memberName(s.name, m.plugin))
	}
	return names
}

func memberName(scenario, plugin string) string { return scenario + ": " + plugin }

func scenarios() []scenario {
	const (
		v4   = `"ipam":{"type":"host-local","subnet":"10.1.0.0/16"}`
		dual = `"ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.0.0/16"}],[{"subnet":"fd00:1::/64"}]]}`
		own  = `"ipam":{"type":"static","addresses":[{"address":"10.1.0.5/16","gateway":"10.1.0.1"}]}`

		gateway  = `"isGateway":true,` + v4
		iptables = `"ipMasq":true,"ipMasqBackend":"iptables",` + gateway
		nftables = `"ipMasq":true,"ipMasqBackend":"nftables",` + gateway
		spoof    = `"macspoofchk":true,` + gateway
		both     = `"macspoofchk":true,` + nftables

		tuned  = `"mtu":1454,"promisc":true,"allmulti":true,"sysctl":{"net.ipv4.conf.eth0.proxy_arp":"1"}`
		limits = `"ingressRate":8000000,"ingressBurst":800000,"egressRate":8000000,"egressBurst":800000`

		ports = `"runtimeConfig":{"portMappings":[{"hostPort":` + ownPort + `,"containerPort":80,"protocol":"tcp"}]}`
	)
	chained := func(backend string) []member {
		return []member{{"portmap", `"backend":"` + backend + `",` + ports}, {"firewall", `"backend":"` + backend + `"`}}
	}
	return []scenario{
		{name: "ptp, host-local IPv4", member: member{"ptp", v4}, links: true},
		{name: "ptp, host-local dual stack", member: member{"ptp", dual}, slow: true, links: true},
		{name: "bridge, host-local IPv4", member: member{"bridge", gateway}},
		{name: bridgeIPTables, member: member{"bridge", iptables}},
		{name: "bridge, nftables masquerade", member: member{"bridge", nftables}, own: true},
		{name: "bridge, macspoofchk", member: member{"bridge", spoof}, own: true},
		{name: "bridge, nftables masquerade and macspoofchk", member: member{"bridge", both}, own: true},
		{name: "bridge, 5 000 others", member: member{"bridge", gateway}, own: true, crowd: 5000},
		{name: "bridge, nftables masquerade, 5 000 others", member: member{"bridge", nftables}, own: true, crowd: 5000},
		{name: "bridge, macspoofchk, 5 000 others", member: member{"bridge", spoof}, own: true, crowd: 5000},
		{name: "bridge, host-local dual stack", member: member{"bridge", `"isGateway":true,` + dual}},
		{name: "macvlan, host-local IPv4", member: member{"macvlan", `"master":"uplink",` + v4}, links: true},
		{name: "macvlan, host-local dual stack", member: member{"macvlan", `"master":"uplink",` + dual}, slow: true, links: true},
		{name: chainSBR, member: member{"ptp", v4}, chained: []member{{"sbr", ""}}, unchecked: true},
		{name: chainIPTables, member: member{"bridge", iptables}, chained: chained("iptables"), unchecked: true},
		{name: chainNFTables, member: member{"bridge", nftables}, chained: chained("nftables"), own: true, elements: true},
		{name: crowdedChain, member: member{"bridge", nftables}, chained: chained("nftables"), own: true, mapped: 1000, foreign: 10_000},
		{name: chainTuning, member: member{"bridge", gateway}, chained: []member{{"tuning", tuned}}},
		{name: chainLimited, member: member{"bridge", gateway}, chained: []member{{"bandwidth", limits}}},
		{name: "host-local", member: member{"host-local", v4}},
		{name: "host-local, 10 000 leases", member: member{"host-local", v4}, leases: 10_000},
		{name: "static", member: member{"static", own}},
		{name: "loopback", member: member{plugin: "loopback"}},
		{name: "100 parallel ptp, host-local IPv4", member: member{"ptp", v4}, parallel: 100},
		{name: "100 parallel bridge, host-local IPv4", member: member{"bridge", gateway}, parallel: 100, links: true},
		{name: burstIPTables, member: member{"bridge", iptables}, parallel: 100},
		{name: burstNFTables, member: member{"bridge", nftables}, own: true, parallel: 100},
		{name: "100 parallel " + chainIPTables, member: member{"bridge", iptables}, chained: chained("iptables"), unchecked: true, parallel: 100},
		{name: "100 parallel " + chainNFTables, member: member{"bridge", nftables}, chained: chained("nftables"), own: true, unchecked: true, parallel: 100},
	}
}

// requirement bounds the ratio of two medians or, if that is given, their difference.
type requirement struct {
	of, to     series
	atMost     float64
	atMostMore time.Duration
	// inBundle is atMost for the bundle. Default: the same.
	inBundle float64
	// plus is added to to, so many times.
	plus  series
	times float64
}

func requirements() []requirement {
	const rules = 500 * time.Microsecond
	return []requirement{
		{of: ours("ptp, host-local IPv4", "ADD"), to: other("ptp, host-local IPv4", "ADD"), atMost: 0.58, inBundle: 0.50},
		{of: ours("ptp, host-local dual stack", "ADD"), to: other("ptp, host-local dual stack", "ADD"), atMost: 0.01},
		{of: ours("ptp, host-local IPv4", "DEL"), to: linkDel("ptp, host-local IPv4"), atMost: 1.25},
		{of: ours("ptp, host-local dual stack", "DEL"), to: linkDel("ptp, host-local dual stack"), atMost: 1.25},
		{of: ours("bridge, host-local IPv4", "ADD"), to: other("bridge, host-local IPv4", "ADD"), atMost: 0.55, inBundle: 0.48},
		{of: ours(bridgeIPTables, "ADD"), to: other(bridgeIPTables, "ADD"), atMost: 0.4},
		{of: ours(bridgeIPTables, "DEL"), to: other(bridgeIPTables, "DEL"), atMost: 0.5},
		{of: ours("bridge, nftables masquerade", "ADD"), to: ours("bridge, host-local IPv4", "ADD"), atMostMore: rules},
		{of: ours("bridge, macspoofchk", "ADD"), to: ours("bridge, host-local IPv4", "ADD"), atMostMore: rules},
		{of: ours("bridge, nftables masquerade and macspoofchk", "DEL"), to: ours("bridge, host-local IPv4", "DEL"), atMost: 1.25},
		{of: ours("bridge, nftables masquerade, 5 000 others", "ADD"), to: ours("bridge, 5 000 others", "ADD"), atMostMore: rules},
		{of: ours("bridge, macspoofchk, 5 000 others", "ADD"), to: ours("bridge, 5 000 others", "ADD"), atMostMore: rules},
		{of: ours("macvlan, host-local IPv4", "ADD"), to: other("macvlan, host-local IPv4", "ADD"), atMost: 0.55, inBundle: 0.48},
		{of: ours("macvlan, host-local dual stack", "ADD"), to: other("macvlan, host-local dual stack", "ADD"), atMost: 0.01},
		{of: ours("macvlan, host-local IPv4", "DEL"), to: linkDel("macvlan, host-local IPv4"), atMost: 1.25},
		{of: ours("macvlan, host-local dual stack", "DEL"), to: linkDel("macvlan, host-local dual stack"), atMost: 1.25},
		{of: ours(chainIPTables, "ADD"), to: other(chainIPTables, "ADD"), atMost: 0.25},
		{of: ours(chainIPTables, "DEL"), to: other(chainIPTables, "DEL"), atMost: 0.33},
		{of: ours(chainNFTables, "ADD"), to: other(chainIPTables, "ADD"), atMost: 0.18},
		{of: ours(chainNFTables, "DEL"), to: other(chainIPTables, "DEL"), atMost: 0.28},
		{of: ours(memberName(chainNFTables, "portmap"), "ADD"), to: idle(chainNFTables), atMost: 2},
		{of: ours(memberName(chainNFTables, "firewall"), "ADD"), to: idle(chainNFTables), atMost: 2},
		{of: ours(memberName(chainNFTables, "portmap"), "DEL"), to: idle(chainNFTables), atMost: 1, plus: elementDel(chainNFTables), times: 1.3},
		{of: ours(memberName(chainNFTables, "firewall"), "DEL"), to: idle(chainNFTables), atMost: 1, plus: elementDel(chainNFTables), times: 1.3},
		{of: ours(memberName(crowdedChain, "portmap"), "ADD"), to: ours(memberName(chainNFTables, "portmap"), "ADD"), atMost: 1.3},
		{of: ours(memberName(crowdedChain, "portmap"), "DEL"), to: ours(memberName(chainNFTables, "portmap"), "DEL"), atMost: 1.3},
		{of: ours(memberName(crowdedChain, "firewall"), "ADD"), to: ours(memberName(chainNFTables, "firewall"), "ADD"), atMost: 1.3},
		{of: ours(memberName(crowdedChain, "firewall"), "DEL"), to: ours(memberName(chainNFTables, "firewall"), "DEL"), atMost: 1.3},
		{of: ours(memberName(chainTuning, "tuning"), "ADD"), to: other(memberName(chainTuning, "tuning"), "ADD"), atMost: 0.75},
		{of: ours(memberName(chainSBR, "sbr"), "ADD"), to: other(memberName(chainSBR, "sbr"), "ADD"), atMost: 0.80},
		{of: ours(memberName(chainLimited, "bandwidth"), "ADD"), to: other(memberName(chainLimited, "bandwidth"), "ADD"), atMost: 0.80},
		{of: ours("host-local, 10 000 leases", "ADD"), to: ours("host-local", "ADD"), atMost: 1.3},
		{of: ours("host-local, 10 000 leases", "DEL"), to: ours("host-local", "DEL"), atMost: 1.3},
		{of: ours("100 parallel ptp, host-local IPv4", "ADD"), to: other("100 parallel ptp, host-local IPv4", "ADD"), atMost: 0.5},
		{of: ours("100 parallel bridge, host-local IPv4", "ADD"), to: other("100 parallel bridge, host-local IPv4", "ADD"), atMost: 0.45, inBundle: 0.4},
	}
}

// requirementsSince are those beside a build before many deletions at once waited together.
func requirementsSince() []requirement {
	return []requirement{
		{of: ours(burstNFTables, "DEL"), to: other(burstNFTables, "DEL"), atMost: 0.5},
		{of: ours(burstIPTables, "DEL"), to: other(burstIPTables, "DEL"), atMost: 0.45},
		{of: ours("100 parallel "+chainIPTables, "DEL"), to: other("100 parallel "+chainIPTables, "DEL"), atMost: 0.4},
	}
}

// series names measurements of one kind: whose, of which scenario or floor, which verb.
type series struct{ side, name, verb string }

const (
	oursSide   = figures.Separate
	bundleSide = figures.Bundle // the same plugins as ours, in one binary
	otherSide  = figures.Other
	floorSide  = figures.Floor

	bridgeIPTables = "bridge, iptables masquerade"
	burstIPTables  = "100 parallel bridge, iptables masquerade"
	burstNFTables  = "100 parallel bridge, nftables masquerade"
	chainSBR       = "ptp, sbr"
	chainIPTables  = "bridge, masquerade, portmap, firewall on iptables"
	chainNFTables  = "bridge, masquerade, portmap, firewall on nftables"
	chainTuning    = "bridge, tuning"
	crowdedChain   = "the same beside 1 000 mappings and 10 000 foreign rules"
	chainLimited   = "bridge, bandwidth"
)

func ours(name, verb string) series  { return series{oursSide, name, verb} }
func other(name, verb string) series { return series{otherSide, name, verb} }

// idle is a static Go process that does nothing, beside the scenario called name.
func idle(name string) series { return series{floorSide, name, "an idle static Go process"} }

// linkDel is the deletion of a link beside the scenario called name.
func linkDel(name string) series { return series{floorSide, name, "`ip link del`"} }

// attached is the attaching of all containers at once by a program that does nothing else.
func attached(name string) series {
	return series{floorSide, name, "messages of an ADD, by a process for each"}
}

// elementDel is the deletion of an element in nftables beside the scenario called name.
func elementDel(name string) series {
	return series{floorSide, name, "deletion of an nftables element"}
}

// results are the measurements of each series.
type results map[series][]time.Duration

// inBundle returns the same measurements of the bundle where s is ours.
func (s series) inBundle() series {
	if s.side == oursSide {
		s.side = bundleSide
	}
	return s
}

func (r results) add(s series, d time.Duration) { r[s] = append(r[s], d) }
