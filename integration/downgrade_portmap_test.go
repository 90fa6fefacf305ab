package integration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// Ports lead to their containers by upstream's rules, and what guards localhost stays.
func TestDowngradePortmap(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	s.one.serve(t, "one", "tcp", ":80")
	s.two.serve(t, "two", "tcp", ":80")
	s.host.serve(t, "secret", "tcp4", "127.0.0.1:7777")
	s.Exec(t, "sh", "-ec", `
		ip -n two addr flush dev lo
		ip netns exec two sysctl -qw net.ipv4.conf.all.route_localnet=1
		ip -n two route add 127.0.0.1/32 via 10.50.0.1`)
	one := portmapCall("one", backendKey("nftables"), trafficMappings, oneV4+"/24", oneV6+"/64")
	conditions := `, "conditionsV4": ["ip", "saddr", "192.0.2.2"], "conditionsV6": ["ip6", "saddr", "2001:db8::2"]`
	two := portmapCall("two", backendKey("nftables")+conditions, `{"hostPort": 8085, "containerPort": 80, "protocol": "tcp"}`, twoV4+"/24", twoV6+"/64")
	expectAll := func(when string) {
		t.Helper()
		for _, c := range []struct {
			from            place
			address, answer string
		}{
			{s.outside, hostV4 + ":8080", "one " + outsideV4},
			{s.outside, "[" + hostV6 + "]:8080", "one " + outsideV6},
			{s.outside, hostV4 + ":8081", "one"},
			{s.outside, "10.50.0.1:8081", ""},
			{s.host, "127.0.0.1:8080", "one 10.50.0.1"},
			{s.one, hostV4 + ":8080", "one 10.50.0.1"},
			{s.two, hostV4 + ":8080", "one 10.50.0.1"},
			{s.two, "[" + hostV6 + "]:8080", "one fd50::1"},
			{s.outside, hostV4 + ":8085", "two " + outsideV4},
			{s.outside, "[" + hostV6 + "]:8085", "two " + outsideV6},
			{s.host, hostV4 + ":8085", ""},
			{s.two, "127.0.0.1:7777", ""},
		} {
			expect(t, when, c.from, "tcp", c.address, c.answer)
		}
	}
	s.Must(t, "ADD", one)
	s.Must(t, "ADD", two)
	expectAll("before")
	throughout(t, s.outside, "tcp", hostV4+":8080", "one "+outsideV4, func() { downgrade(t, s.Node, "portmap") })
	expectAll("after")
	downgrade(t, s.Node, "portmap")
	expectNoRecords(t, s.Node, "portmap")
	const chains = `	chain hostip_hostports {
	}
	chain hostports_all {
		jump hostip_hostports
		jump hostports
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local jump hostports_all
	}
	chain output {
		type nat hook output priority -100; policy accept;
		fib daddr type local jump hostports_all
	}
	chain masquerading {
		type nat hook postrouting priority srcnat; policy accept;
`
	want := `table inet cni_plugins_portmap {
	comment "Port mappings of github.com/containernetworking/plugins"
	chain guard {
		type filter hook prerouting priority raw; policy accept;
		iifname != "lo" ip saddr 127.0.0.0/8 drop
		iifname != "lo" ip daddr 127.0.0.0/8 drop
	}
}
table ip cni_hostport {
	comment "CNI portmap plugin"
	chain hostports {
		ip saddr 192.0.2.2 tcp dport 8085 dnat to 10.50.0.3:80 comment "two"
		ip daddr 192.0.2.1 tcp dport 8081 dnat to 10.50.0.2:80 comment "one"
		tcp dport 8080 dnat to 10.50.0.2:80 comment "one"
		udp dport 8053 dnat to 10.50.0.2:53 comment "one"
	}
` + chains + `		ct status dnat ip saddr 10.50.0.0/24 ip daddr 10.50.0.3 masquerade comment "two"
		ct status dnat ip saddr 127.0.0.1 ip daddr 10.50.0.3 masquerade comment "two"
		ct status dnat ip saddr 10.50.0.0/24 ip daddr 10.50.0.2 masquerade comment "one"
		ct status dnat ip saddr 127.0.0.1 ip daddr 10.50.0.2 masquerade comment "one"
	}
}
table ip6 cni_hostport {
	comment "CNI portmap plugin"
	chain hostports {
		ip6 saddr 2001:db8::2 tcp dport 8085 dnat to [fd50::3]:80 comment "two"
		ip6 daddr 2001:db8::1 tcp dport 8082 dnat to [fd50::2]:80 comment "one"
		tcp dport 8080 dnat to [fd50::2]:80 comment "one"
		udp dport 8053 dnat to [fd50::2]:53 comment "one"
	}
` + chains + `		ct status dnat ip6 saddr fd50::/64 ip6 daddr fd50::3 masquerade comment "two"
		ct status dnat ip6 saddr fd50::/64 ip6 daddr fd50::2 masquerade comment "one"
	}
}
`
	s.Must(t, "CHECK", one)
	s.Must(t, "CHECK", two)
	tables := []string{"inet cni_plugins_portmap", "ip cni_hostport", "ip6 cni_hostport"}
	if diff := cmp.Diff(want, nftTables(t, s.Node, tables...)); diff != "" {
		t.Errorf("after the downgrade:\n%s", diff)
	}
	for _, call := range []node.Call{one, two} {
		s.Must(t, "DEL", call)
	}
	if rules := nftTables(t, s.Node, tables...); strings.Contains(rules, "comment \"one\"") || strings.Contains(rules, "comment \"two\"") {
		t.Errorf("after DEL:\n%s", rules)
	}
}

// A host without iptables, where nothing is in that, needs none.
func TestDowngradePortmapWithoutIPTables(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", `mount --bind /dev/null "$(command -v iptables-restore)"`)
	n.Container(t, "c")
	n.Must(t, "ADD", portmapCall("c", backendKey("nftables"), `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}`, "10.50.0.2/16", "fd50::2/64"))
	for range 2 {
		downgrade(t, n, "portmap")
	}
	expectNoRecords(t, n, "portmap")
	if rules := nftTables(t, n, "ip cni_hostport", "ip6 cni_hostport"); strings.Count(rules, "dnat to") != 2 {
		t.Errorf("after the downgrade:\n%s", rules)
	}
}

// Of two interfaces of a container in one network, both have upstream's chain, which goes
// with the first.
func TestDowngradePortmapTwoInterfaces(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	s.one.serve(t, "one", "tcp", ":80")
	s.Exec(t, "ip", "-n", "one", "addr", "add", "10.50.0.9/24", "dev", "eth0")
	eth0, theirEth0 := upstreams(t, portmapCall("one", backendKey("iptables"), trafficMappings, oneV4+"/24", oneV6+"/64"))
	net1 := func(call node.Call) node.Call {
		call.IfName = "net1"
		call.Config = strings.NewReplacer(`"eth0"`, `"net1"`, "8080", "8090", oneV4, "10.50.0.9").Replace(call.Config)
		return call
	}
	s.Must(t, "ADD", eth0)
	s.Must(t, "ADD", net1(eth0))
	for _, when := range []string{"before", "after"} {
		for _, port := range []string{"8080", "8090"} {
			expect(t, when, s.outside, "tcp", hostV4+":"+port, "one "+outsideV4)
			expect(t, when, s.outside, "tcp", "["+hostV6+"]:"+port, "one "+outsideV6)
			expect(t, when, s.host, "tcp", "127.0.0.1:"+port, "one 10.50.0.1")
		}
		throughout(t, s.outside, "tcp", hostV4+":8090", "one "+outsideV4, func() { downgrade(t, s.Node, "portmap") })
	}
	expectNoRecords(t, s.Node, "portmap")
	s.Must(t, "DEL", theirEth0)
	s.Must(t, "DEL", net1(theirEth0))
	for _, tool := range []string{"iptables", "ip6tables"} {
		if rules := savedNAT(t, s.Node, tool); strings.Contains(rules, "CNI-DN-") {
			t.Errorf("after DEL:\n%s", rules)
		}
	}
}
