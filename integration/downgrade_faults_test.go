package integration

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/node"
)

// rulesWithoutNames returns all rules, without what is random in them.
func rulesWithoutNames(t *testing.T, n *node.Node) string {
	t.Helper()
	tables := nftTables(t, n, strings.FieldsFunc(existing(t, n), func(r rune) bool { return r == ',' })...)
	return regexp.MustCompile(`veth[0-9a-f]+|([0-9a-f]{2}:){5}[0-9a-f]{2}`).ReplaceAllString(strings.Join(iptablesRules(t, n), "\n")+tables, "NAME")
}

// A downgrade that fails or is killed at any step is completed by the next one.
func TestDowngradeFaults(t *testing.T) {
	t.Parallel()
	for name, subject := range repairSubjects() {
		if !strings.HasSuffix(name, "nftables") {
			continue // there is next to nothing to do
		}
		for _, kind := range []faults.Kind{faults.Fail, faults.Kill} {
			t.Run(name+" "+kind.String(), func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				var calls []node.Call
				for i := range 2 {
					calls = append(calls, subject(n.Container(t, fmt.Sprint("c", i)), i))
				}
				plugin := calls[0].Plugin
				addAnew := func() {
					for _, call := range calls {
						n.Run(t, "DEL", call)
					}
					n.Exec(t, "sh", "-ec", "nft flush ruleset; rm -rf /run/cni /var/lib/cni")
					for _, call := range calls {
						n.Must(t, "ADD", call)
					}
				}
				addAnew()
				downgrade(t, n, plugin)
				want := rulesWithoutNames(t, n)
				count := faults.Walk(t, faults.Fault{Kind: kind}, func(f faults.Fault) *faults.Point {
					addAnew()
					out, hit := n.Disturb(t, "", node.Call{Plugin: plugin, Command: "downgrade"}, f)
					when := fmt.Sprintf("%v at %v", kind, hit)
					switch {
					case byTool(kind, hit):
						return hit
					case out.Status == 0 || kind == faults.Kill && out.Status.Signal() == syscall.SIGKILL:
					case out.Status.ExitStatus() != 1 || len(out.Stdout) > 0 || len(out.Stderr) == 0:
						t.Errorf("%s: status %v, %s, %s", when, out.Status, out.Stdout, out.Stderr)
					}
					downgrade(t, n, plugin)
					if diff := cmp.Diff(want, rulesWithoutNames(t, n)); diff != "" {
						t.Errorf("the downgrade after %s:\n%s", when, diff)
					}
					expectNoRecords(t, n, plugin)
					if t.Failed() {
						t.FailNow()
					}
					return hit
				})
				t.Logf("%d faults", count)
			})
		}
	}
}
