package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// downgraders are the plugins that have the command: what others leave is upstream's.
var downgraders = []string{"bridge", "ptp", "macvlan", "ipvlan", "firewall", "portmap", "bandwidth", "host-device", "sbr", "tuning", "vrf"}

// upstreamsSubjects are those of which release 1.1.1 has all, which is what Debian has.
func upstreamsSubjects() []subject {
	unknown := []string{
		"macvlan linkInContainer", "ipvlan linkInContainer", "vlan linkInContainer", "dummy", "tap", "tap port",
		"bridge dhcp IPv6", "bandwidth macvlan", "portmap nftables",
	}
	return slices.DeleteFunc(slices.Clone(subjects), func(s subject) bool { return slices.Contains(unknown, s.name()) })
}

// After a downgrade, upstream's DEL leaves on the host what it leaves of its own ADD.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	eachOf(t, upstreamsSubjects(), func(t *testing.T, s subject) {
		// The rules of a policy stay, and release 1.1.1 gives them another comment.
		s.config = strings.NewReplacer(`"isolated"`, `"open"`, `"isDefaultGateway": true, `, "").Replace(s.config)
		n := node.New(t)
		if s.services != nil {
			s.services(t, n)
		}
		if s.host != "" {
			n.Exec(t, "sh", "-ec", s.host)
		}
		_, theirs := upstreams(t, s.call(latest, s.container(t, n, "valid").Path))
		n.Must(t, "DEL", theirs.With("prevResult", n.Must(t, "ADD", theirs)))
		ours, theirs := upstreams(t, s.call(latest, s.container(t, n, "c").Path))
		before := n.State(t)
		result := n.Must(t, "ADD", ours)
		if slices.Contains(downgraders, s.plugin) {
			downgrade(t, n, s.plugin)
		}
		n.Must(t, "DEL", theirs.With("prevResult", result))
		if diff := hoststate.Diff(before, n.State(t), node.Lasting(), ofContainer()); diff != "" {
			t.Errorf("after DEL:\n%s", diff)
		}
	})
}

// ofContainer matches what goes with the container or changes when an interface of it
// goes, and a lock.
func ofContainer() *regexp.Regexp {
	return regexp.MustCompile(`^host qdiscs: hc |^host (addresses|links|qdiscs|routes): .*\b(br0|nic-c)\b|^host (addresses|routes): .*fe80::|^files: /run/cni/firewall/lock `)
}
