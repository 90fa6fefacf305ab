package integration

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// street is a host with a bridge, the containers "one" and "two" on it, and the
// namespace "outside" at the other end of a cable.
type street struct {
	*node.Node
	host, outside, one, two place
}

const (
	hostV4, hostV6       = "192.0.2.1", "2001:db8::1"
	outsideV4, outsideV6 = "192.0.2.2", "2001:db8::2"
	oneV4, oneV6         = "10.50.0.2", "fd50::2"
	twoV4, twoV6         = "10.50.0.3", "fd50::3"
)

func newStreet(t *testing.T) *street {
	t.Helper()
	n := node.New(t)
	outside, one, two := n.Container(t, "outside"), n.Container(t, "one"), n.Container(t, "two")
	n.Exec(t, "sh", "-ec", `
		sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
		ip link add br0 type bridge
		ip addr add 10.50.0.1/24 dev br0
		ip addr add fd50::1/64 dev br0 nodad
		ip link set br0 up
		end() { # name, host's interface, its peer's addresses, gateways
			ip link add $2 type veth peer name eth0 netns $1
			ip link set $2 up
			ip -n $1 addr add $3 dev eth0
			ip -n $1 addr add $4 dev eth0 nodad
			ip -n $1 link set eth0 up
			ip -n $1 link set lo up
			ip -n $1 route add default via $5
			ip -n $1 route add default via $6
		}
		end outside cable 192.0.2.2/24 2001:db8::2/64 192.0.2.1 2001:db8::1
		ip addr add 192.0.2.1/24 dev cable
		ip addr add 2001:db8::1/64 dev cable nodad
		end one port1 10.50.0.2/24 fd50::2/64 10.50.0.1 fd50::1
		end two port2 10.50.0.3/24 fd50::3/64 10.50.0.1 fd50::1
		ip link set port1 master br0
		ip link set port1 type bridge_slave hairpin on # for bridge-nf-call-iptables
		ip link set port2 master br0`)
	return &street{n, place{n.Do}, place{outside.Do}, place{one.Do}, place{two.Do}}
}

// expect asks and compares the answer, of which "" stands for none.
func expect(t *testing.T, what string, from place, network, address, want string) {
	t.Helper()
	wait := patience
	if want == "" {
		wait = impatience
	}
	have, err := from.ask(network, address, wait)
	if want == "" && have == "" || want != "" && strings.HasPrefix(have, want) {
		return
	}
	t.Errorf("%s: %s %s answers %q, want %q: %v", what, network, address, have, want, err)
}

const trafficMappings = `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": ""},
	{"hostPort": 8053, "containerPort": 53, "protocol": "udp"},
	{"hostPort": 8081, "containerPort": 80, "protocol": "tcp", "hostIP": "192.0.2.1"},
	{"hostPort": 8082, "containerPort": 80, "protocol": "tcp", "hostIP": "2001:db8::1"}`

func TestPortmapTraffic(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s := newStreet(t)
		s.one.serve(t, "one", "tcp", ":80")
		s.one.serve(t, "one", "udp4", "10.50.0.2:53")
		s.one.serve(t, "one", "udp6", "[fd50::2]:53")
		s.outside.serve(t, "outside", "tcp", ":8080")
		call := portmapCall("one", backendKey(backend), trafficMappings, oneV4+"/24", oneV6+"/64")
		s.Must(t, "ADD", call)
		s.Must(t, "CHECK", call)

		for _, c := range []struct {
			what             string
			from             place
			network, address string
			answer           string
		}{
			{"from outside", s.outside, "tcp", hostV4 + ":8080", "one " + outsideV4},
			{"from outside", s.outside, "tcp", "[" + hostV6 + "]:8080", "one " + outsideV6},
			{"from outside", s.outside, "udp", hostV4 + ":8053", "one " + outsideV4},
			{"from outside", s.outside, "udp", "[" + hostV6 + "]:8053", "one " + outsideV6},
			{"to an unmapped port", s.outside, "tcp", hostV4 + ":8083", ""},
			{"from the host", s.host, "tcp", hostV4 + ":8080", "one"},
			{"from the host", s.host, "tcp", "[" + hostV6 + "]:8080", "one"},
			{"from the host", s.host, "udp", hostV4 + ":8053", "one"},
			{"from the host to localhost", s.host, "tcp", "127.0.0.1:8080", "one 10.50.0.1"},
			{"from the host to localhost", s.host, "udp", "127.0.0.1:8053", "one 10.50.0.1"},
			{"to itself", s.one, "tcp", hostV4 + ":8080", "one 10.50.0.1"},
			{"to itself", s.one, "tcp", "10.50.0.1:8080", "one 10.50.0.1"},
			{"to itself", s.one, "tcp", "[" + hostV6 + "]:8080", "one fd50::1"},
			{"from a neighbour", s.two, "tcp", hostV4 + ":8080", "one 10.50.0.1"},
			{"from a neighbour", s.two, "tcp", "[" + hostV6 + "]:8080", "one fd50::1"},
			{"from a neighbour", s.two, "udp", hostV4 + ":8053", "one 10.50.0.1"},
			{"to the address of the mapping", s.outside, "tcp", hostV4 + ":8081", "one"},
			{"to the address of the mapping", s.outside, "tcp", "[" + hostV6 + "]:8082", "one"},
			{"to another address", s.outside, "tcp", "10.50.0.1:8081", ""},
			{"to another address", s.outside, "tcp", "[fd50::1]:8082", ""},
			{"to another family", s.outside, "tcp", "[" + hostV6 + "]:8081", ""},
			{"through the host", s.one, "tcp", outsideV4 + ":8080", "outside"},
			{"through the host", s.one, "tcp", "[" + outsideV6 + "]:8080", "outside"},
		} {
			expect(t, c.what, c.from, c.network, c.address, c.answer)
		}
		s.Must(t, "DEL", call)
		expect(t, "after DEL", s.outside, "tcp", hostV4+":8080", "")
		expect(t, "after DEL", s.host, "tcp", "127.0.0.1:8080", "")
	})
}

// A result that does not tell what is in the container has the container's addresses
// all the same. One without any is told about.
func TestPortmapWithoutSandbox(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s := newStreet(t)
		s.one.serve(t, "one", "tcp", ":80")
		call := portmapCall("one", backendKey(backend), trafficMappings, oneV4+"/24", oneV6+"/64")
		call = call.With("prevResult", []byte(`{"cniVersion": "1.1.0", "interfaces": [{"name": "azv1"}],
			"ips": [{"address": "10.50.0.2/24", "interface": 0}, {"address": "fd50::2/64", "interface": 0}]}`))
		s.Must(t, "ADD", call)
		s.Must(t, "CHECK", call)
		for _, network := range []string{hostV4 + ":8080", "[" + hostV6 + "]:8080"} {
			expect(t, "from outside", s.outside, "tcp", network, "one")
		}
		s.Must(t, "DEL", call)
		expect(t, "after DEL", s.outside, "tcp", hostV4+":8080", "")
		out := s.Run(t, "ADD", call.With("prevResult", []byte(`{"cniVersion": "1.1.0", "interfaces": [{"name": "azv1"}]}`)))
		if want := "no port is mapped: the result has no address of interface eth0\n"; out.Err() != nil || string(out.Stderr) != want {
			t.Errorf("ADD without addresses: %v, stderr %q, want %q", out.Err(), out.Stderr, want)
		}
	})
}

// Without snat nothing is masqueraded, and so localhost does not work; with
// masqAll everything is.
func TestPortmapMasquerade(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s := newStreet(t)
		s.one.serve(t, "one", "tcp", ":80")
		for keys, want := range map[string][3]string{
			`, "snat": false`:   {"one " + outsideV4, "one " + outsideV6, ""},
			`, "masqAll": true`: {"one 10.50.0.1", "one fd50::1", "one 10.50.0.1"},
		} {
			call := portmapCall("one", backendKey(backend)+keys, trafficMappings, oneV4+"/24", oneV6+"/64")
			s.Must(t, "ADD", call)
			s.Must(t, "CHECK", call)
			expect(t, keys, s.outside, "tcp", hostV4+":8080", want[0])
			expect(t, keys, s.outside, "tcp", "["+hostV6+"]:8080", want[1])
			expect(t, keys, s.host, "tcp", "127.0.0.1:8080", want[2])
			s.Must(t, "DEL", call)
		}
	})
}

// A connection that others have translated to the container keeps its source with iptables.
// With nftables it is masqueraded as those to a host port are: nothing tells it from them.
func TestPortmapBesideServices(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s := newStreet(t)
		s.one.serve(t, "one", "tcp", ":80")
		s.Exec(t, "sh", "-ec", `
			ip -n outside route add 10.96.0.1 via 192.0.2.1
			nft 'add table ip others
				add chain ip others prerouting { type nat hook prerouting priority -100; }
				add rule ip others prerouting ip daddr 10.96.0.1 tcp dport 80 dnat to 10.50.0.2:80
				add rule ip others prerouting fib daddr type local tcp dport 30080 dnat to 10.50.0.2:80'`)
		for keys, hidden := range map[string][]string{"": {twoV4}, `, "masqAll": true`: {twoV4, outsideV4}} {
			s.Must(t, "ADD", portmapCall("one", backendKey(backend)+keys, trafficMappings, oneV4+"/24", oneV6+"/64"))
			for address, from := range map[string]place{twoV4: s.two, outsideV4: s.outside} {
				isHidden := slices.Contains(hidden, address)
				seen := func(masqueraded bool) string {
					if masqueraded {
						return "one 10.50.0.1"
					}
					return "one " + address
				}
				expect(t, "host port"+keys, from, "tcp", hostV4+":8080", seen(isHidden))
				expect(t, "Service"+keys, from, "tcp", "10.96.0.1:80", seen(isHidden && backend == "nftables"))
				expect(t, "NodePort"+keys, from, "tcp", hostV4+":30080", seen(isHidden && backend == "nftables"))
			}
		}
	})
}

// A neighbour does not get at what listens on localhost only, though the
// interface routes its address; without the guard it would.
func TestPortmapMartians(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s := newStreet(t)
		s.host.serve(t, "secret", "tcp4", "127.0.0.1:7777")
		s.Exec(t, "sh", "-ec", `
			ip -n two addr flush dev lo
			ip netns exec two sysctl -qw net.ipv4.conf.all.route_localnet=1
			ip -n two route add 127.0.0.1/32 via 10.50.0.1`)
		s.Must(t, "ADD", portmapCall("one", backendKey(backend), trafficMappings, oneV4+"/24"))
		expect(t, "guarded", s.two, "tcp4", "127.0.0.1:7777", "")
		s.Exec(t, "nft", "flush chain inet cni_plugins_portmap guard")
		expect(t, "unguarded", s.two, "tcp4", "127.0.0.1:7777", "secret")
	})
}

// A flow goes where the mapping goes: from the host to one container and on to
// the next, without a new socket. Flows of others stay.
func TestPortmapFlows(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s := newStreet(t)
		s.one.serve(t, "one", "udp", ":53")
		s.two.serve(t, "two", "udp", ":53")
		s.host.serve(t, "host", "udp", ":8053")
		s.outside.serve(t, "outside", "udp", ":8053")
		// Connections are tracked only where there are rules that need it.
		s.Exec(t, "iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "203.0.113.0/24", "-j", "MASQUERADE")
		s.Exec(t, "ip6tables", "-t", "nat", "-A", "POSTROUTING", "-s", "2001:db8:ffff::/64", "-j", "MASQUERADE")
		one := portmapCall("one", backendKey(backend), trafficMappings, oneV4+"/24", oneV6+"/64")
		two := portmapCall("two", backendKey(backend), trafficMappings, twoV4+"/24", twoV6+"/64")
		for _, address := range []string{hostV4 + ":8053", "[" + hostV6 + "]:8053"} {
			through := strings.NewReplacer(hostV4, outsideV4, hostV6, outsideV6).Replace(address)
			foreign := s.two.socket(t, "udp", through)
			if answer, err := exchange(foreign, patience); !strings.HasPrefix(answer, "outside") {
				t.Fatalf("through the host: %q, %v", answer, err)
			}
			socket := s.outside.socket(t, "udp", address)
			for _, step := range []struct {
				verb string
				call node.Call
				want string
			}{{"", one, "host"}, {"ADD", one, "one"}, {"DEL", one, "host"}, {"ADD", two, "two"}, {"DEL", two, "host"}} {
				if step.verb != "" {
					s.Must(t, step.verb, step.call)
				}
				if answer, err := exchange(socket, patience); !strings.HasPrefix(answer, step.want) {
					t.Errorf("after %s: %q answers, want %s: %v", step.verb, answer, step.want, err)
				}
			}
			if !s.host.hasFlowFrom(t, foreign.LocalAddr().(*net.UDPAddr)) {
				t.Errorf("the flow from %v through the host is forgotten", foreign.LocalAddr())
			}
		}
	})
}

// Ranges map port by port, and so many as fit.
func TestPortmapRanges(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s := newStreet(t)
		s.one.serve(t, "first", "tcp", ":80")
		s.one.serve(t, "last", "tcp", ":110")
		s.one.serve(t, "beyond", "tcp", ":111")
		mappings := []string{`{"hostPort": 8000, "hostPortEnd": 8030, "containerPort": 80, "protocol": "tcp"}`}
		for i := range 40 {
			mappings = append(mappings, fmt.Sprintf(`{"hostPort": %d, "hostPortEnd": %d, "containerPort": 80, "protocol": "tcp"}`, 9000+2*i, 9000+2*i+i%2))
		}
		call := portmapCall("one", backendKey(backend), strings.Join(mappings, ","), oneV4+"/24", oneV6+"/64")
		s.Must(t, "ADD", call)
		s.Must(t, "CHECK", call)
		for _, host := range []string{hostV4, "[" + hostV6 + "]"} {
			expect(t, "first", s.outside, "tcp", host+":8000", "first")
			expect(t, "last", s.outside, "tcp", host+":8030", "last")
			expect(t, "beyond", s.outside, "tcp", host+":8031", "")
			expect(t, "another", s.outside, "tcp", host+":9078", "first")
		}
		s.Must(t, "DEL", call)
	})
}

// Conditions hold for their own mapping, whoever comes next.
func TestPortmapConditions(t *testing.T) {
	t.Parallel()
	for backend, conditions := range map[string]string{
		"iptables": `, "conditionsV4": ["!", "-s", "192.0.2.2"], "conditionsV6": ["!", "-s", "2001:db8::2"]`,
		"nftables": `, "conditionsV4": ["ip", "saddr", "!=", "192.0.2.2"], "conditionsV6": ["ip6", "saddr", "!=", "2001:db8::2"]`,
	} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			s := newStreet(t)
			s.one.serve(t, "one", "tcp", ":80")
			s.two.serve(t, "two", "tcp", ":80")
			one := portmapCall("one", backendKey(backend)+conditions, trafficMappings, oneV4+"/24", oneV6+"/64")
			two := portmapCall("two", backendKey(backend), `{"hostPort": 8090, "containerPort": 80, "protocol": "tcp"}`, twoV4+"/24", twoV6+"/64")
			s.Must(t, "ADD", one)
			s.Must(t, "ADD", two)
			s.Must(t, "ADD", one)
			s.Must(t, "CHECK", one)
			s.Must(t, "CHECK", two)
			for _, host := range []string{hostV4, "[" + hostV6 + "]"} {
				expect(t, "condition", s.outside, "tcp", host+":8080", "")
				expect(t, "condition", s.two, "tcp", host+":8080", "one")
				expect(t, "no condition", s.outside, "tcp", host+":8090", "two")
			}
			s.Must(t, "DEL", one)
			s.Must(t, "DEL", two)
			if rules := s.Exec(t, "sh", "-ec", "nft list ruleset; iptables-save; ip6tables-save"); strings.Contains(rules, "2001:db8::2") || strings.Contains(rules, "for_") {
				t.Errorf("left behind:\n%s", rules)
			}
		})
	}
}

// A container that is gone without a DEL of this plugin has no port: the next one gets
// it, a repair makes nothing for the dead, and nothing of it is left.
func TestPortmapOfVanished(t *testing.T) {
	for what, vanish := range map[string]string{
		"interface":           "ip -n one link del eth0",
		"namespace":           "ip netns del one",
		"another of its name": `ip netns del one; ip netns add one; ip link add again type veth peer name eth0 netns one`,
	} {
		t.Run(what, func(t *testing.T) {
			eachBackend(t, func(t *testing.T, backend string) {
				s := newStreet(t)
				call := func(name, address string) node.Call {
					return portmapCall(name, backendKey(backend), `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}`, address+"/24")
				}
				s.two.serve(t, "two", "tcp4", ":80")
				one, two := call("one", oneV4), call("two", twoV4)
				s.Must(t, "ADD", two)
				s.Must(t, "DEL", two)
				s.Must(t, "ADD", one)
				if err := s.Run(t, "ADD", two).Err(); err == nil || !strings.Contains(err.Error(), "container one") {
					t.Errorf("while the holder lives: %v", err)
				}
				s.Exec(t, "sh", "-ec", vanish)
				s.Must(t, "ADD", two)
				expect(t, "from outside", s.outside, "tcp4", hostV4+":8080", "two")
				s.Exec(t, "sh", "-ec", "iptables -t nat -F; nft flush ruleset")
				s.Must(t, "", node.Call{Plugin: "portmap", Command: "repair"})
				s.Must(t, "CHECK", two)
				expect(t, "after a repair", s.outside, "tcp4", hostV4+":8080", "two")
				s.Must(t, "DEL", two)
				s.Must(t, "DEL", one)
				if left := s.Exec(t, "ls", "/run/cni/portmap"); left != "claims\nlock\n" {
					t.Errorf("left in the directory of records: %q", left)
				}
				if rules := s.Exec(t, "nft", "list", "ruleset"); strings.Contains(rules, oneV4) || strings.Contains(rules, "8080") {
					t.Errorf("after DEL:\n%s", rules)
				}
			})
		})
	}
}
