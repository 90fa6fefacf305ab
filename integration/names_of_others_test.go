package integration

import (
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// With these nobody checks in whose name a container sends.
func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	for _, plugin := range []string{"macvlan", "ipvlan"} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			s := findSubject(plugin, "")
			if s.needs != nil {
				s.needs(t, n)
			}
			s.prepare(t, n)
			other, c := s.container(t, n, "other"), s.container(t, n, "c")
			targets := addresses(add(t, n, s.beside(other)))
			n.Must(t, "ADD", s.call(latest, c.Path))
			for source, target := range map[string]string{"10.1.2.99/24": targets[0], "fd00:1:2::99/64": targets[1]} {
				if !reachesAs(t, c, source, target) {
					t.Errorf("%s does not answer %s", target, source)
				}
			}
		})
	}
}

// With ptp it is the host's routes and its reverse path filter (RFC 3704) that let pass, or not, what a container
// sends in another name. The answer goes where the host routes that name.
func TestNamesOfOthersPtp(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := findSubject("ptp", "")
	s.prepare(t, n)
	other, c := s.container(t, n, "other"), s.container(t, n, "c")
	target := addresses(add(t, n, s.beside(other)))[0]
	n.Must(t, "ADD", s.call(latest, c.Path))
	asked := func() string {
		return other.Exec(t, "sh", "-c", `awk '$1 == "Icmp:" && n++ { print $10 }' /proc/net/snmp`)
	}
	for _, test := range []struct {
		filter string
		passes bool
	}{{"0", true}, {"1", false}} {
		n.Exec(t, "sh", "-ec", `for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo "$0" >$file; done`, test.filter)
		before := asked()
		if reachesAs(t, c, "192.0.2.99/32", target) {
			t.Errorf("rp_filter %s: an answer to a name that the host routes elsewhere", test.filter)
		}
		if after := asked(); (after != before) != test.passes {
			t.Errorf("rp_filter %s: requests before %s, after %s", test.filter, strings.TrimSpace(before), after)
		}
	}
}

// With vlan nobody checks either, but what a container tags itself stays within its VLAN.
func TestNamesOfOthersVLAN(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	s := findSubject("vlan", "") // of the VLAN 100
	s.needs(t, n)
	s.prepare(t, n)
	n.Exec(t, "sh", "-ec", `for id in 100 102; do
		ip link add link peer name far$id type vlan id $id
		ip link set far$id up
	done
	ip addr add 10.1.2.50/24 dev far100
	ip addr add 10.1.3.50/24 dev far102`)
	other, c := s.container(t, n, "other"), s.container(t, n, "c")
	n.Must(t, "ADD", s.beside(other)) // of the VLAN 102
	n.Must(t, "ADD", s.call(latest, c.Path))
	for _, test := range []struct {
		c              *node.Container
		source, target string
	}{{c, "10.1.2.99/24", "10.1.2.50"}, {other, "10.1.3.99/24", "10.1.3.50"}} {
		if !reachesAs(t, test.c, test.source, test.target) {
			t.Errorf("%s does not answer %s in its VLAN", test.target, test.source)
		}
	}
	c.Exec(t, "sh", "-ec", "ip link add link eth0 name inner type vlan id 102; ip link set inner up; ip addr add 10.1.3.99/24 dev inner")
	if reaches(t, c, "10.1.3.50") {
		t.Error("a container reaches another VLAN")
	}
}
