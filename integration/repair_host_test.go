package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/node"
)

// repairSubjects are calls of plugins that can repair, for a container and its
// number, by what they are called here.
func repairSubjects() map[string]func(c *node.Container, i int) node.Call {
	all := map[string]func(*node.Container, int) node.Call{}
	for _, backend := range kernelBackends {
		all["portmap "+backend] = func(c *node.Container, i int) node.Call {
			// Each port has two that want it.
			mappings := fmt.Sprintf(`{"hostPort": %d, "containerPort": 80, "protocol": "tcp"}`, 8000+i/2)
			return portmapCall(filepath.Base(c.Path), backendKey(backend)+ignoring, mappings, fmt.Sprintf("10.50.0.%d/24", i+2), fmt.Sprintf("fd50::%x/64", i+2))
		}
		all["firewall "+backend] = func(c *node.Container, i int) node.Call {
			keys := backendKey(backend) + `, "ingressPolicy": "same-bridge"`
			call := firewallCall(filepath.Base(c.Path), keys, fmt.Sprintf("10.50.0.%d/24", i+2), fmt.Sprintf("fd50::%x/64", i+2))
			call.Config = strings.Replace(call.Config, "cni0", fmt.Sprint("cni", i%3), 1)
			return call
		}
		all["bridge "+backend] = func(c *node.Container, _ int) node.Call {
			return bridgeCall(c, fmt.Sprintf(`"isGateway": true, "macspoofchk": true, "ipMasq": true, "ipMasqBackend": %q, %s`, backend, bridged))
		}
	}
	return all
}

// eachRepair runs a test for each of repairSubjects in parallel.
func eachRepair(t *testing.T, test func(*testing.T, func(*node.Container, int) node.Call)) {
	t.Parallel()
	for name, call := range repairSubjects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, call)
		})
	}
}

// A repair that fails or is killed at any step is completed by the next one.
func TestRepairFaults(t *testing.T) {
	eachRepair(t, func(t *testing.T, subject func(*node.Container, int) node.Call) {
		for _, kind := range []faults.Kind{faults.Fail, faults.Kill} {
			t.Run(kind.String(), func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				plugin := ""
				for i := range 2 {
					call := subject(n.Container(t, fmt.Sprint("c", i)), i)
					plugin = call.Plugin
					n.Must(t, "ADD", call)
				}
				before := takeFirewallState(t, n)
				// Whose record could not be read comes last.
				before.anyOrder = plugin != "portmap" && kind == faults.Fail
				count := faults.Walk(t, faults.Fault{Kind: kind}, func(f faults.Fault) *faults.Point {
					n.Exec(t, "nft", "flush", "ruleset")
					out, hit := n.Disturb(t, "", node.Call{Plugin: plugin, Command: "repair"}, f)
					when := fmt.Sprintf("%v at %v", kind, hit)
					switch {
					case byTool(kind, hit):
						return hit
					case out.Status == 0:
						before.expect(t, n, "success of a repair, "+when)
					case kind == faults.Kill && out.Status.Signal() == syscall.SIGKILL:
					case out.Status.ExitStatus() != 1 || len(out.Stderr) == 0:
						t.Errorf("%s: status %v, %s, %s", when, out.Status, out.Stdout, out.Stderr)
					}
					repair(t, n, plugin)
					before.expect(t, n, "the repair after "+when)
					if t.Failed() {
						t.FailNow()
					}
					return hit
				})
				t.Logf("%d faults", count)
			})
		}
	})
}

// Containers come and go beside flushes and repairs: no rule of one that has gone
// comes back, and those that stay have theirs.
func TestRepairBesideOthers(t *testing.T) {
	eachRepair(t, func(t *testing.T, subject func(*node.Container, int) node.Call) {
		const coming, rounds = 20, 2
		n := node.New(t)
		var stay, come []node.Call
		for i := range coming + 4 {
			call := subject(n.Container(t, fmt.Sprint("c", i)), i)
			if i < 4 {
				stay = append(stay, call.With("prevResult", n.Must(t, "ADD", call)))
			} else {
				come = append(come, call)
			}
		}
		before := takeFirewallState(t, n)
		before.anyOrder = true // an ADD between flush and repair brings its bridge's rules first
		var running sync.WaitGroup
		done := make(chan struct{})
		for _, call := range come {
			running.Go(func() {
				for range rounds {
					for _, verb := range []string{"ADD", "DEL"} {
						if err := n.Run(t, verb, call).Err(); err != nil {
							t.Errorf("%s of %s: %v", verb, call.ContainerID, err)
						}
					}
				}
			})
		}
		go func() {
			running.Wait()
			close(done)
		}()
		repairs := 0
		for over := false; !over; repairs++ {
			select {
			case <-done:
				over = true
			default:
			}
			if repairs%4 == 0 {
				n.Exec(t, "nft", "flush", "ruleset")
			}
			repair(t, n, stay[0].Plugin)
		}
		t.Logf("%d repairs", repairs)
		for _, call := range stay {
			n.Must(t, "CHECK", call)
		}
		before.expect(t, n, "after the others")
	})
}

// Without ip6tables, what containers have of IPv4 comes back.
func TestRepairWithoutIP6Tables(t *testing.T) {
	t.Parallel()
	for plugin, keys := range map[string]string{
		"bridge": `"bridge": "br0", "isGateway": true`, "ptp": `"mtu": 1400`, "firewall": "", "portmap": "",
	} {
		for _, families := range []string{"one family", "both"} {
			t.Run(plugin+", "+families, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				c := n.Container(t, "c")
				addresses := []string{"10.50.0.2/16"}
				subnets := `[{"subnet": "10.1.2.0/24"}]`
				if families == "both" {
					addresses = append(addresses, "fd50::2/64")
					subnets += `, [{"subnet": "fd00:1:2::/64"}]`
				}
				var call node.Call
				switch plugin {
				case "firewall":
					call = firewallCall("c", backendKey("iptables"), addresses...)
				case "portmap":
					call = portmapCall("c", backendKey("iptables"), `{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}`, addresses...)
				default:
					call = bridgeCall(c, fmt.Sprintf(`%s, "ipMasq": true, "ipMasqBackend": "iptables", "ipMasqExclude": ["10.0.0.0/8", "fd00::/8"],
						"ipam": {"type": "host-local", "ranges": [%s]}`, keys, subnets)).With("type", fmt.Appendf(nil, "%q", plugin))
					call.Plugin = plugin
				}
				n.Must(t, "ADD", call)
				withoutIP6Tables(t, n)
				before := n.Exec(t, "iptables-save")
				n.Exec(t, "nft", "flush", "ruleset")
				out, err := n.Try(pluginPath(t, plugin), "repair")
				switch {
				case families == "both" && (err == nil || !strings.Contains(err.Error(), "ip6tables")):
					t.Errorf("no word of what was not repaired: %s, %v", out, err)
				case families != "both" && err != nil:
					t.Error(err)
				}
				if diff := cmp.Diff(ruleLines(before), ruleLines(n.Exec(t, "iptables-save"))); diff != "" {
					t.Errorf("after the repair (-want +have):\n%s", diff)
				}
				if families != "both" {
					downgrade(t, n, plugin)
					expectNoRecords(t, n, plugin)
				}
			})
		}
	}
}

// ruleLines returns the lines of rules of what iptables-save printed.
func ruleLines(saved string) []string {
	return slices.DeleteFunc(strings.Split(saved, "\n"), func(line string) bool { return !strings.HasPrefix(line, "-A ") })
}
