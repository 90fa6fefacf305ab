package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// droppingForward is how a host comes to drop what nobody accepts, by backend: with iptables
// as Docker does it.
var droppingForward = map[string]string{
	"iptables": "iptables -P FORWARD DROP; ip6tables -P FORWARD DROP",
	"nftables": "nft add rule inet cni_plugins_firewall unmatched drop",
}

// lostDNAT takes the rules for what was translated away, and is what CHECK says then.
var lostDNAT = map[string][2]string{
	"iptables": {"iptables -D CNI-FORWARD -d 10.50.0.2 -m conntrack --ctstate DNAT -j ACCEPT; ip6tables -D CNI-FORWARD -d fd50::2 -m conntrack --ctstate DNAT -j ACCEPT",
		"expected rule [-d 10.50.0.2/32 -m conntrack --ctstate DNAT -j ACCEPT] not found"},
	"nftables": {"nft flush chain inet cni_plugins_firewall forward; nft add rule inet cni_plugins_firewall forward jump unmatched",
		"chain inet cni_plugins_firewall forward has 1 rules, expected 9"},
}

// published is a street whose container "one" has published port 8080, and "two", which
// the firewall plugin does not know, port 8090. The host drops what nobody accepts.
func published(t *testing.T, backend string) (*street, node.Call) {
	t.Helper()
	s := newStreet(t)
	s.one.serve(t, "one", "tcp", ":80")
	s.two.serve(t, "two", "tcp", ":80")
	s.Must(t, "ADD", portmapCall("one", backendKey(backend), `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": ""}`, oneV4+"/24", oneV6+"/64"))
	s.Must(t, "ADD", portmapCall("two", backendKey(backend), `{"hostPort": 8090, "containerPort": 80, "protocol": "tcp", "hostIP": ""}`, twoV4+"/24", twoV6+"/64"))
	call := firewallCall("one", backendKey(backend), oneV4+"/24", oneV6+"/64")
	s.Must(t, "ADD", call)
	s.Must(t, "DEL", call)
	s.Exec(t, "sh", "-ec", droppingForward[backend])
	return s, call
}

// looksIn tells who answers from outside, at the ports of one in both families, at that of
// two, and at what one has not published.
func (s *street) looksIn(t *testing.T, when string, open bool) {
	t.Helper()
	answer := ""
	if open {
		answer = "one " + outsideV4
	}
	expect(t, when, s.outside, "tcp", hostV4+":8080", answer)
	if open {
		answer = "one " + outsideV6
	}
	expect(t, when, s.outside, "tcp", "["+hostV6+"]:8080", answer)
	expect(t, when+", of another", s.outside, "tcp", hostV4+":8090", "")
	expect(t, when+", not published", s.outside, "tcp", oneV4+":80", "")
}

// Published ports answer on a host whose firewall drops what it is to forward, and other
// ones, and those of containers that the plugin does not know, do not.
func TestFirewallPublishedPorts(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s, call := published(t, backend)
		s.looksIn(t, "before", false)
		before := ruleset(t, s.Node)
		result := s.Must(t, "ADD", call)
		checked := call.With("prevResult", result)
		s.looksIn(t, "after ADD", true)
		s.Must(t, "CHECK", checked)

		s.Exec(t, "sh", "-ec", lostDNAT[backend][0])
		s.looksIn(t, "without the rule", false)
		wantDifference(t, s.Node, checked, lostDNAT[backend][1])
		repair(t, s.Node, "firewall")
		s.looksIn(t, "repaired", true)
		s.Must(t, "CHECK", checked)

		s.Must(t, "DEL", call)
		s.looksIn(t, "after DEL", false)
		if diff := cmp.Diff(before, ruleset(t, s.Node)); diff != "" {
			t.Errorf("after DEL (-before +after):\n%s", diff)
		}
	})
}

// With the key, only answers come in. It is the container's own: the next one with its
// address has another one.
func TestFirewallAcceptDNAT(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		s, call := published(t, backend)
		before := ruleset(t, s.Node)
		closed := call.With("acceptDNAT", []byte("false"))
		result := s.Must(t, "ADD", closed)
		s.looksIn(t, "acceptDNAT is false", false)
		s.Must(t, "CHECK", closed.With("prevResult", result))
		s.Must(t, "ADD", call)
		s.looksIn(t, "ADD again, with the default", true)
		s.Must(t, "ADD", closed)
		s.looksIn(t, "and without", false)
		s.Must(t, "DEL", call)
		if diff := cmp.Diff(before, ruleset(t, s.Node)); diff != "" {
			t.Errorf("after DEL (-before +after):\n%s", diff)
		}
		s.Must(t, "ADD", call)
		s.looksIn(t, "next container", true)
	})
}

// A container that an earlier release has added goes on without the rule, and CHECK is
// content; in nftables its share of the next one's does no harm.
func TestFirewallOfEarlierRelease(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		n := node.New(t)
		old := firewallCall("old", backendKey(backend), "10.50.0.2/24", "fd50::2/64")
		n.Must(t, "ADD", old)
		n.Exec(t, "sh", "-ec", `sed -i 's/"translated":"accepted",//' /run/cni/firewall/attachments/*; ! grep translated /run/cni/firewall/attachments/*`)
		n.Exec(t, "sh", "-ec", map[string]string{
			"iptables": lostDNAT["iptables"][0],
			"nftables": `for rule in $(nft -a list chain inet cni_plugins_firewall forward | sed -n '/ct status dnat/s/.*# handle //p'); do
				nft delete rule inet cni_plugins_firewall forward handle $rule; done
				nft delete set inet cni_plugins_firewall answers_only_ipv4; nft delete set inet cni_plugins_firewall answers_only_ipv6`,
		}[backend])
		before := ruleset(t, n)
		n.Must(t, "CHECK", old)
		if backend == "iptables" {
			repair(t, n, "firewall")
			if diff := cmp.Diff(before, ruleset(t, n)); diff != "" {
				t.Errorf("after repair (-before +after):\n%s", diff)
			}
		} else {
			n.Exec(t, "nft", "flush chain inet cni_plugins_firewall isolation")
			if err := n.Run(t, "CHECK", old).Err(); err == nil || !strings.Contains(err.Error(), "isolation has 0 rules, expected 2") {
				t.Errorf("without isolation: %v", err)
			}
		}
		next := firewallCall("next", backendKey(backend), "10.50.0.3/24")
		n.Must(t, "ADD", next)
		n.Must(t, "CHECK", next)
		n.Must(t, "CHECK", old)
		n.Must(t, "DEL", old)
		n.Must(t, "DEL", next)
		if rules := strings.Join(ruleset(t, n), "\n"); strings.Contains(rules, "10.50.0.") || strings.Contains(rules, "fd50::") {
			t.Errorf("after DEL:\n%s", rules)
		}
	})
}

// After a downgrade, upstream's DEL leaves nothing, whatever the backend was. Without one
// it leaves the rule, which goes with the record, by GC or the next ADD with the address.
func TestDowngradePublishedPorts(t *testing.T) {
	eachBackend(t, func(t *testing.T, backend string) {
		for _, key := range []string{"true", "false"} {
			t.Run(fmt.Sprint("acceptDNAT ", key), func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				call := firewallCall("c", backendKey(backend), "10.50.0.2/24", "fd50::2/64").With("acceptDNAT", []byte(key))
				_, theirs := upstreams(t, call)
				n.Must(t, "ADD", call)
				downgrade(t, n, "firewall")
				rules := strings.Join(ruleset(t, n), "\n")
				if strings.Contains(rules, "DNAT") || strings.Contains(rules, "cni_plugins_firewall") || !strings.Contains(rules, "10.50.0.2") {
					t.Errorf("after the downgrade:\n%s", rules)
				}
				n.Must(t, "DEL", theirs)
				if rules := strings.Join(ruleset(t, n), "\n"); strings.Contains(rules, "10.50.0.2") || strings.Contains(rules, "fd50::2") {
					t.Errorf("after DEL:\n%s", rules)
				}
			})
		}
	})
}

// firewalld lets through what was translated, by whomever and to whomever, and nothing
// else from outside.
func TestFirewalldPublishedPorts(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	realFirewalld(t, s.Node)
	s.one.serve(t, "one", "tcp", ":80")
	s.Must(t, "ADD", portmapCall("one", backendKey("nftables"), `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": ""}`, oneV4+"/24", oneV6+"/64"))
	call := firewallCall("one", backendKey("firewalld"), oneV4+"/24", oneV6+"/64")
	s.Must(t, "ADD", call)
	expect(t, "published", s.outside, "tcp", hostV4+":8080", "one")
	expect(t, "published", s.outside, "tcp", "["+hostV6+"]:8080", "one")
	expect(t, "not published", s.outside, "tcp", oneV4+":80", "")
	s.Must(t, "DEL", call)
	expect(t, "published, after DEL", s.outside, "tcp", hostV4+":8080", "one")
}
