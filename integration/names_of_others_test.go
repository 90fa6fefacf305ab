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
