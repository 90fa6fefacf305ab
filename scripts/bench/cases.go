package main

import "time"

// scenario is a configuration to measure.
type scenario struct {
	name     string
	plugin   string
	conf     string // the configuration's members besides cniVersion, name and type
	leases   int    // addresses that others have reserved before
	slow     bool   // the other plugins take so long that an eleventh of the iterations must do
	own      bool   // the other plugins lack something for it
	crowd    int    // attachments of others that are masqueraded and checked for spoofing before
	links    bool   // also measure the deletion of a link, to compare with
	parallel int    // containers at once; 0 means one after the other
}

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
	)
	return []scenario{
		{name: "ptp, host-local IPv4", plugin: "ptp", conf: v4, links: true},
		{name: "ptp, host-local dual stack", plugin: "ptp", conf: dual, slow: true, links: true},
		{name: "bridge, host-local IPv4", plugin: "bridge", conf: gateway},
		{name: bridgeIPTables, plugin: "bridge", conf: iptables},
		{name: "bridge, nftables masquerade", plugin: "bridge", conf: nftables, own: true},
		{name: "bridge, macspoofchk", plugin: "bridge", conf: spoof, own: true},
		{name: "bridge, nftables masquerade and macspoofchk", plugin: "bridge", conf: both, own: true},
		{name: "bridge, 5 000 others", plugin: "bridge", conf: gateway, own: true, crowd: 5000},
		{name: "bridge, nftables masquerade, 5 000 others", plugin: "bridge", conf: nftables, own: true, crowd: 5000},
		{name: "bridge, macspoofchk, 5 000 others", plugin: "bridge", conf: spoof, own: true, crowd: 5000},
		{name: "bridge, host-local dual stack", plugin: "bridge", conf: `"isGateway":true,` + dual},
		{name: "macvlan, host-local IPv4", plugin: "macvlan", conf: `"master":"uplink",` + v4, links: true},
		{name: "macvlan, host-local dual stack", plugin: "macvlan", conf: `"master":"uplink",` + dual, slow: true, links: true},
		{name: "host-local", plugin: "host-local", conf: v4},
		{name: "host-local, 10 000 leases", plugin: "host-local", conf: v4, leases: 10_000},
		{name: "static", plugin: "static", conf: own},
		{name: "loopback", plugin: "loopback"},
		{name: "100 parallel ptp, host-local IPv4", plugin: "ptp", conf: v4, parallel: 100},
		{name: "100 parallel bridge, host-local IPv4", plugin: "bridge", conf: gateway, parallel: 100},
	}
}

// requirement bounds the ratio of two medians or, if that is given, their difference.
type requirement struct {
	of, to     series
	atMost     float64
	atMostMore time.Duration
}

func requirements() []requirement {
	const rules = 500 * time.Microsecond
	return []requirement{
		{of: ours("ptp, host-local IPv4", "ADD"), to: other("ptp, host-local IPv4", "ADD"), atMost: 0.70},
		{of: ours("ptp, host-local dual stack", "ADD"), to: other("ptp, host-local dual stack", "ADD"), atMost: 0.01},
		{of: ours("ptp, host-local IPv4", "DEL"), to: linkDel("ptp, host-local IPv4"), atMost: 1.25},
		{of: ours("ptp, host-local dual stack", "DEL"), to: linkDel("ptp, host-local dual stack"), atMost: 1.25},
		{of: ours("bridge, host-local IPv4", "ADD"), to: other("bridge, host-local IPv4", "ADD"), atMost: 0.65},
		{of: ours(bridgeIPTables, "ADD"), to: other(bridgeIPTables, "ADD"), atMost: 0.4},
		{of: ours(bridgeIPTables, "DEL"), to: other(bridgeIPTables, "DEL"), atMost: 0.5},
		{of: ours("bridge, nftables masquerade", "ADD"), to: ours("bridge, host-local IPv4", "ADD"), atMostMore: rules},
		{of: ours("bridge, macspoofchk", "ADD"), to: ours("bridge, host-local IPv4", "ADD"), atMostMore: rules},
		{of: ours("bridge, nftables masquerade and macspoofchk", "DEL"), to: ours("bridge, host-local IPv4", "DEL"), atMost: 1.25},
		{of: ours("bridge, nftables masquerade, 5 000 others", "ADD"), to: ours("bridge, 5 000 others", "ADD"), atMostMore: rules},
		{of: ours("bridge, macspoofchk, 5 000 others", "ADD"), to: ours("bridge, 5 000 others", "ADD"), atMostMore: rules},
		{of: ours("macvlan, host-local IPv4", "ADD"), to: other("macvlan, host-local IPv4", "ADD"), atMost: 0.65},
		{of: ours("macvlan, host-local dual stack", "ADD"), to: other("macvlan, host-local dual stack", "ADD"), atMost: 0.01},
		{of: ours("macvlan, host-local IPv4", "DEL"), to: linkDel("macvlan, host-local IPv4"), atMost: 1.25},
		{of: ours("macvlan, host-local dual stack", "DEL"), to: linkDel("macvlan, host-local dual stack"), atMost: 1.25},
		{of: ours("host-local, 10 000 leases", "ADD"), to: ours("host-local", "ADD"), atMost: 1.3},
		{of: ours("host-local, 10 000 leases", "DEL"), to: ours("host-local", "DEL"), atMost: 1.3},
		{of: ours("100 parallel ptp, host-local IPv4", "ADD"), to: other("100 parallel ptp, host-local IPv4", "ADD"), atMost: 0.5},
	}
}

// series names measurements of one kind: whose, of which scenario or floor, which verb.
type series struct{ side, name, verb string }

const (
	oursSide   = "ours"
	bundleSide = "bundle" // the same plugins as ours, in one binary
	otherSide  = "other"
	floorSide  = "floor"

	bridgeIPTables = "bridge, iptables masquerade"

	idleProcess = "an idle static Go process"
)

func ours(name, verb string) series  { return series{oursSide, name, verb} }
func other(name, verb string) series { return series{otherSide, name, verb} }
func floor(name string) series       { return series{floorSide, name, "run"} }

// linkDel is the deletion of a link beside the scenario called name.
func linkDel(name string) series { return series{floorSide, name, "`ip link del`"} }

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
