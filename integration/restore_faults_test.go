package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/node"
)

// A DEL in which one step fails, or that is killed, after the ruleset was written and read
// back, ends as one without that: what is left the next DEL removes. Only the plugin's own
// steps fail; by default those of portmap in one way, with CNI_TEST_RESTORED=all those of all
// plugins in all ways.
func TestFaultsInDelOfRestored(t *testing.T) {
	t.Parallel()
	kinds, subjects := []faults.Kind{faults.Fail}, []subject{portmapSubject("iptables")}
	if os.Getenv("CNI_TEST_RESTORED") == "all" {
		kinds = append(kinds, faults.Kill, faults.Terminate)
		subjects = append(subjects, firewallSubject("iptables"), subject{
			plugin: "ptp", ifName: "eth0",
			config: `{"name": "net", "type": "ptp", "ipMasq": true, "ipMasqBackend": "iptables", "ipam": {"type": "static",
				"addresses": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}]}}`,
		})
	}
	for _, s := range subjects {
		for _, kind := range kinds {
			t.Run(fmt.Sprint(s.plugin, " ", kind), func(t *testing.T) { walk(t, s, kind, restoredDelStep) })
		}
	}
}

func restoredDelStep(t *testing.T, at *site, f faults.Fault) (*faults.Point, error) {
	f.Own = true
	call := at.call
	at.node.Exec(t, "sh", "-ec", savedAndRestored) // what lasts is in other words then
	at.before = at.node.State(t, at.container)
	if result := at.node.Must(t, "ADD", call); makesInterfaces(call.Plugin) {
		call = call.With("prevResult", result)
	}
	at.node.Exec(t, "sh", "-ec", savedAndRestored)
	out, hit := at.node.Disturb(t, "DEL", call, f)
	err := out.Err()
	switch {
	case err == nil:
		if left := at.changed(t, node.Lasting()); left != nil {
			return hit, fmt.Errorf("success, but %w", left)
		}
	case out.Status.Signaled() && f.Kind != faults.Fail:
		// What is left is for the next DEL.
	case !node.IsError(err):
		return hit, err
	}
	return hit, at.del(t)
}

// nft 1.0.6 lists the rules of one of the families without their NAT targets. What is
// read back then is mended by repair, and by the ADD of the next container as far as that
// needs it, without more rules each time.
func TestRestoredWithoutTargets(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	one, two := n.Container(t, "one"), n.Container(t, "two")
	const addresses = `"ipam": {"type": "static", "addresses": [
		{"address": "10.52.0.3/24", "gateway": "10.52.0.1"}, {"address": "fd52::3/64", "gateway": "fd52::1"}]}`
	pair := childCall("ptp", one, `"ipMasq": true, "ipMasqBackend": "iptables", `+addresses)
	pair = pair.With("prevResult", n.Must(t, "ADD", pair))
	mapping := func(c *node.Container, port int, addresses ...string) node.Call {
		return portmapCall(filepath.Base(c.Path), backendKey("iptables"), fmt.Sprintf(`{"hostPort": %d, "containerPort": 80, "protocol": "tcp"}`, port), addresses...)
	}
	first, second := mapping(one, 8080, "10.52.0.3/24", "fd52::3/64"), mapping(two, 8081, "10.52.0.4/24", "fd52::4/64")
	n.Must(t, "ADD", first)
	rules := func() int { return strings.Count(n.Exec(t, "nft", "list", "ruleset"), "counter") }
	before := rules()
	for i := range 3 {
		n.Exec(t, "sh", "-ec", savedAndRestored)
		if i == 0 && n.Run(t, "CHECK", first).Err() == nil { // what has been read back once stays whole
			t.Error("CHECK finds the targets")
		}
		n.Must(t, "ADD", second)
		n.Must(t, "CHECK", second)
		n.Must(t, "DEL", second)
		for _, plugin := range []string{"ptp", "portmap"} {
			repair(t, n, plugin)
		}
		n.Must(t, "CHECK", pair)
		n.Must(t, "CHECK", first)
		if after := rules(); after != before {
			t.Errorf("%d rules, before %d:\n%s", after, before, n.Exec(t, "nft", "list", "ruleset"))
		}
	}
}
