package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// Of the two networks in which the node's end has addresses, these are one.
const someSubnets = `["198.51.100.64/26", "198.51.100.0/26", "2001:db8:1::/48"]`

// withSubnets connects a container with a node that has an address in one of the subnets and one
// elsewhere, in both families.
func withSubnets(t *testing.T, kind string) *limited {
	t.Helper()
	l := newLimited(t, kind)
	l.connect(t, kind, 1500)
	far := strings.ReplaceAll(shapeable(kind).far, "NAME", "c")
	l.Exec(t, "sh", "-ec", fmt.Sprintf(`ip link set dev %[1]s addrgenmode none; echo 0 >/proc/sys/net/ipv6/conf/%[1]s/disable_ipv6
		ip addr add 198.51.100.1/32 dev %[1]s; ip addr add 2001:db8::1/64 nodad dev %[1]s; ip addr add 2001:db8:1::1/128 nodad dev %[1]s`, far))
	l.container.Exec(t, "sh", "-ec", `ip link set dev eth0 addrgenmode none; echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6
		ip addr add 2001:db8::3/64 nodad dev eth0; ip route add 198.51.100.0/24 dev eth0; ip route add 2001:db8:1::/64 dev eth0`)
	return l
}

// takes sends to and from all of the node's addresses at once, and compares how long that takes
// with whether those in the subnets, and those elsewhere, are limited. A busy machine can only make it
// longer: what is not limited has several attempts.
func (l *limited) takes(t *testing.T, when string, inside, outside bool) {
	t.Helper()
	// Of both families, less the burst, 500 kB/s; or a second, if a packet is lost for other reasons.
	const size, least = 450_000, 1300 * time.Millisecond
	host, container := place{l.Do}, place{l.container.Do}
	var all sync.WaitGroup
	defer all.Wait()
	for name, network := range map[string]struct {
		shaped   bool
		ip4, ip6 string
	}{"elsewhere": {outside, "10.1.2.1", "2001:db8::1"}, "in the subnets": {inside, "198.51.100.1", "2001:db8:1::1"}} {
		for direction, send := range map[string]func(far, near string) time.Duration{
			"ingress": func(far, near string) time.Duration {
				return transferFrom(t, host, container, far, near, size)
			},
			"egress": func(far, near string) time.Duration {
				return transferFrom(t, container, host, near, far, size)
			},
		} {
			all.Go(func() {
				var slowest time.Duration
				for range attempts {
					took := make(chan time.Duration)
					go func() { took <- send(network.ip4, "10.1.2.3") }()
					if slowest = max(send(network.ip6, "2001:db8::3"), <-took); network.shaped || slowest < least {
						break
					}
				}
				if network.shaped != (slowest >= least) {
					t.Errorf("%s: %s with what is %s takes %v, limited: %v", when, direction, name, slowest, network.shaped)
				}
			})
		}
	}
}

// Limits hold for some subnets alone, or for all but some, in both directions and families; and
// CHECK knows which.
func TestBandwidthSubnets(t *testing.T) {
	t.Parallel()
	const limits = `{"ingressRate": 4000000, "ingressBurst": 800000, "egressRate": 4000000, "egressBurst": 800000}`
	for _, w := range wirings() {
		t.Run(w.kind, func(t *testing.T) {
			t.Parallel()
			l := withSubnets(t, w.kind)
			before := l.State(t)
			all := l.with(limits)
			shaped, unshaped := all.With("shapedSubnets", []byte(someSubnets)), all.With("unshapedSubnets", []byte(someSubnets))
			l.takes(t, "without limits", false, false)
			l.Must(t, "ADD", all)
			for range 2 {
				l.Must(t, "ADD", shaped)
			}
			l.Must(t, "CHECK", shaped)
			l.takes(t, "shapedSubnets", true, false)
			for _, other := range []node.Call{all, unshaped, all.With("shapedSubnets", []byte(`["198.51.100.64/26", "2001:db8:1::/48"]`))} {
				if err := l.Run(t, "CHECK", other).Err(); err == nil {
					t.Errorf("CHECK takes shapedSubnets for %s", other.Config)
				}
			}
			l.Must(t, "ADD", unshaped)
			l.Must(t, "CHECK", unshaped)
			l.takes(t, "unshapedSubnets", false, true)
			if err := l.Run(t, "CHECK", shaped).Err(); err == nil {
				t.Error("CHECK takes unshapedSubnets for shapedSubnets")
			}
			l.Must(t, "ADD", all)
			l.Must(t, "CHECK", all)
			l.takes(t, "all", true, true)
			l.Must(t, "ADD", unshaped)
			l.Must(t, "DEL", all)
			if diff := hoststate.Diff(before, l.State(t), node.Lasting(), late()); diff != "" {
				t.Errorf("after the DEL:\n%s", diff)
			}
		})
	}
}

// subnetsSubject is bandwidth for some subnets, behind a plugin that makes a veth.
func subnetsSubject() subject {
	s := bandwidthSubject("veth")
	s.variant = "veth subnets"
	s.config = strings.Replace(s.config, `"runtimeConfig"`, `"unshapedSubnets": `+someSubnets+`, "runtimeConfig"`, 1)
	return s
}

// What tc shows where limits hold for some subnets alone, and CHECK of what somebody changed.
func TestBandwidthSubnetsGolden(t *testing.T) {
	t.Parallel()
	l := newLimited(t, "veth")
	call := l.with(both).With("shapedSubnets", []byte(`["192.0.2.0/24", "2001:db8::/48"]`))
	before := l.State(t)
	l.Must(t, "ADD", call)
	l.Must(t, "CHECK", call)
	have := l.shaping(t, "", "hc") + l.Exec(t, "sh", "-ec", "tc class show dev hc; tc filter show dev hc")
	for _, want := range []string{
		"qdisc htb 6277: dev hc root r2q 10 default 0 direct_packets_stat 0 direct_qlen 1000",
		"qdisc tbf 1: dev hc parent 6277:1 rate 512Gbit burst 0b lat 1us",
		"class htb 6277:1 root leaf 1: prio 0 rate 8Mbit ceil 8Mbit burst 100000b cburst 100000b",
		"filter parent 6277: protocol ipv6 pref 65535 u32 chain 0 fh 801::800 order 2048 key ht 801 bkt 0 *flowid 6277:1 not_in_hw \n  match 20010db8/ffffffff at 8\n  match 00000000/ffff0000 at 12",
		"qdisc tbf 1: dev " + device + " root rate 16Mbit burst 200000b lat 25ms",
		"filter protocol ip pref 65534 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 *flowid ffff:6277 not_in_hw \n  match c0000200/ffffff00 at 16\n action order 1: mirred (Egress Redirect to device " + device + ") stolen",
	} {
		if !strings.Contains(have, want) {
			t.Errorf("%s\nis not in\n%s", want, have)
		}
	}
	for damage, want := range map[string]string{
		"tc class change dev hc parent 6277: classid 6277:1 htb rate 1mbit": "interface hc has rate in B/s 125000, expected 1000000",
		"tc qdisc del dev hc root":                                                              "interface hc has no qdisc htb of ours",
		"tc filter del dev hc parent 6277: prio 65534":                                          "interface hc has filters for others than the subnets of the configuration",
		"tc filter del dev hc parent ffff: prio 65534":                                          "interface hc has filters for others than the subnets of the configuration",
		"tc qdisc replace dev hc parent 6277:1 handle 1: tbf rate 512gbit burst 8kb limit 5000": "interface hc has limit in B 5000, expected 125000",
	} {
		l.Exec(t, "sh", "-ec", damage)
		if err := l.Run(t, "CHECK", call).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CHECK after %s: %v, want %s", damage, err, want)
		}
		l.Must(t, "ADD", call)
		l.Must(t, "CHECK", call)
	}
	l.Must(t, "DEL", call)
	if diff := hoststate.Diff(before, l.State(t), node.Lasting()); diff != "" {
		t.Errorf("after the DEL:\n%s", diff)
	}
}
