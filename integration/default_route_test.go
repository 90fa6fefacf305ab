package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// defaultRoutes are what a result says of default routes.
func defaultRoutes(t *testing.T, result []byte) string {
	t.Helper()
	var parsed current.Result
	if err := json.Unmarshal(result, &parsed); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, r := range parsed.Routes {
		if ones, _ := r.Dst.Mask.Size(); ones == 0 {
			found = append(found, fmt.Sprint(r.Dst.String(), " ", r.Priority))
		}
	}
	return strings.Join(found, ", ")
}

// A second network leaves the way out to the first one: it has no default routes, or
// such as stand behind those of the first one until that goes.
func TestDefaultRouteOfSecondNetwork(t *testing.T) {
	t.Parallel()
	for _, p := range twoNetworksOf {
		for _, test := range []struct {
			value, version, reported string
			takesOver                bool
		}{
			{value: `false`, version: latest},
			{value: `{"metric": 4000}`, version: latest, reported: "0.0.0.0/0 4000, ::/0 4000", takesOver: true},
			{value: `{"metric": 4000}`, version: "1.0.0", reported: "0.0.0.0/0 4000, ::/0 4000", takesOver: true},
		} {
			t.Run(p.plugin+" "+test.value+" "+test.version, func(t *testing.T) {
				t.Parallel()
				n, c := p.start(t)
				first := p.call(c, 1)
				first = first.With("prevResult", n.Must(t, "ADD", first))
				second := p.call(c, 2).With("defaultRoute", []byte(test.value)).With("cniVersion", fmt.Appendf(nil, "%q", test.version))
				result := n.Must(t, "ADD", second)
				if diff := cmp.Diff(test.reported, defaultRoutes(t, result)); diff != "" {
					t.Errorf("reported default routes (-want +got):\n%s", diff)
				}
				p.wantWay(t, c, 1)
				if test.version == "1.0.0" { // a runtime of that time need not keep what it has no word for
					result = []byte(strings.ReplaceAll(string(result), `"priority": 4000`, `"later": 0`))
				}
				second = second.With("prevResult", result).With("strictCheck", []byte("true"))
				n.Must(t, "CHECK", second)

				n.Must(t, "DEL", first)
				if test.takesOver {
					p.wantWay(t, c, 2)
				} else if got := routes(t, c); strings.Contains(got, "default") || !strings.Contains(got, "203.0.113.0/24") {
					t.Errorf("routes of network 2:\n%s", got)
				}
				n.Must(t, "CHECK", second)
				if test.takesOver {
					c.Exec(t, "ip", "route", "del", "default")
					wantDifference(t, n, second, "lacks route default")
				}
				n.Must(t, "DEL", second)
			})
		}
	}
}

// It does not matter where the routes come from: a DHCP server, the bridge plugin itself,
// or the device that had them on the host.
func TestDefaultRouteByOthers(t *testing.T) {
	t.Parallel()
	t.Run("dhcp", func(t *testing.T) {
		t.Parallel()
		n := node.New(t)
		dhcp := dhcpSubject("", "")
		dhcp.services(t, n)
		c := n.Container(t, "c")
		wantDefaultRoutes(t, n, c, dhcp.call(latest, c.Path), "default via 10.1.2.1 dev eth0 metric 50")
	})
	t.Run("isDefaultGateway", func(t *testing.T) {
		t.Parallel()
		n := node.New(t)
		c := n.Container(t, "c")
		call := node.Call{Plugin: "bridge", ContainerID: "c", Netns: c.Path, IfName: "eth0", Config: `{"cniVersion": "1.1.0", "name": "net", "type": "bridge",
			"isDefaultGateway": true, "ipam": {"type": "host-local", "subnet": "10.1.2.0/24"}}`}
		wantDefaultRoutes(t, n, c, call, "default via 10.1.2.1 dev eth0 metric 50")
		contradiction := call.With("defaultRoute", []byte("false"))
		if err := n.Run(t, "ADD", contradiction).Err(); err == nil || !strings.HasPrefix(err.Error(), "isDefaultGateway adds") {
			t.Errorf("isDefaultGateway without default routes: error %v", err)
		}
	})
	for value, want := range map[string]string{
		`false`:          "default via 10.9.0.7 dev eth0 table 7 mtu 1300\ndefault via 10.77.0.1 dev eth0 table 8 onlink",
		`{"metric": 70}`: "default via 10.9.0.7 dev eth0 table 7 mtu 1300\ndefault via 10.77.0.1 dev eth0 table 8 onlink\ndefault via 10.9.0.7 dev eth0 proto dhcp metric 70",
	} {
		t.Run("useInterfaceNetwork "+value, func(t *testing.T) {
			t.Parallel()
			n := newTaking(t)
			before := n.State(t, n.container)
			call := n.call(takes).With("cniVersion", fmt.Appendf(nil, "%q", latest)).With("defaultRoute", []byte(value))
			call = call.With("prevResult", n.Must(t, "ADD", call)).With("strictCheck", []byte("true"))
			got := strings.TrimSpace(n.container.Exec(t, "sh", "-c", "ip -4 route show table all | sed -n 's/ *$//; /^default/p'"))
			if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
				t.Errorf("default routes (-want +got):\n%s", diff)
			}
			n.Must(t, "CHECK", call)
			n.Must(t, "DEL", call)
			n.restored(t, before, "DEL")
		})
	}
}

// wantDefaultRoutes adds with a metric of 50, and without default routes.
func wantDefaultRoutes(t *testing.T, n *node.Node, c *node.Container, call node.Call, want string) {
	t.Helper()
	call = call.With("defaultRoute", []byte(`{"metric": 50}`))
	result := n.Must(t, "ADD", call)
	if got := strings.TrimSpace(c.Exec(t, "ip", "-4", "route", "show", "default")); got != want {
		t.Errorf("default route %q, want %q", got, want)
	}
	if got := defaultRoutes(t, result); got != "0.0.0.0/0 50" {
		t.Errorf("reported default routes %q", got)
	}
	n.Must(t, "CHECK", call.With("prevResult", result).With("strictCheck", []byte("true")))
	n.Must(t, "DEL", call)
}
