package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
)

// An IPAM plugin gets the environment that its caller got: variables that are empty,
// those that the specification does not know, and those of a trace (W3C Trace
// Context and Baggage), which libcni passes to plugins.
func TestEnvironmentOfDelegate(t *testing.T) {
	t.Parallel()
	for _, plugin := range []string{"ptp", "bridge"} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			n.Exec(t, "sh", "-ec", `mkdir /run/ipam; cd /run/ipam
				printf '#!/bin/sh\ncat >/dev/null\ntr "\\0" "\\n" </proc/$$/environ >/run/ipam/$CNI_COMMAND
				[ "$CNI_COMMAND" != ADD ] || echo "{\"cniVersion\": \"1.1.0\", \"ips\": [{\"address\": \"10.1.2.3/24\"}]}"\n' >fake
				chmod +x fake`)
			env := []string{
				"CNI_ARGS=", "CNI_NETNS_OVERRIDE=", "CNI_EXPERIMENT=7", "CNI_", "EMPTY=", "CNI_PATH=/run/ipam",
				"TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "TRACESTATE=vendor=1", "BAGGAGE=user=a,b",
			}
			call := node.Call{
				Plugin: plugin, ContainerID: "container", Netns: c.Path, IfName: "eth0", Env: env,
				Config: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": %q, "ipam": {"type": "fake"}}`, plugin),
			}
			for _, command := range []string{"STATUS", "ADD", "CHECK", "DEL", "GC"} {
				out := n.Must(t, command, call)
				switch command {
				case "ADD":
					call = call.With("prevResult", out)
				case "DEL":
					call = call.With("cni.dev/valid-attachments", []byte(`[]`))
				}
				got := strings.Split(strings.TrimSpace(n.Exec(t, "cat", "/run/ipam/"+command)), "\n")
				slices.Sort(got)
				want := append([]string{
					"CNI_COMMAND=" + command, "CNI_CONTAINERID=container", "CNI_NETNS=" + c.Path, "CNI_IFNAME=eth0",
				}, env...)
				got = slices.DeleteFunc(got, func(v string) bool { return strings.HasPrefix(v, "PATH=") })
				slices.Sort(want)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: environment (-plugin's +delegate's):\n%s", command, diff)
				}
			}
		})
	}
}

// The addresses of an ADD that fails are given back when nothing has them any longer.
func TestAddressesOfFailedAdd(t *testing.T) {
	t.Parallel()
	for plugin, keys := range map[string]string{"ptp": `"mtu": 0`, "bridge": `"isGateway": true`, "macvlan": `"master": "uplink", "hostInterface": true`} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			// Neither can the gateway be the container's, nor has the host an address on the master.
			n.Exec(t, "sh", "-ec", `ip link add uplink type veth peer name far; mkdir /run/ipam; cd /run/ipam
				printf '#!/bin/sh\ncat >/dev/null
				[ $CNI_COMMAND != DEL ] || { ip -o link show type veth; nsenter --net=$CNI_NETNS ip -o link show; } >/run/ipam/links
				[ $CNI_COMMAND != ADD ] || echo "{\\"ips\\": [{\\"address\\": \\"10.1.2.3/24\\", \\"gateway\\": \\"10.1.2.3\\"}]}"\n' >fake
				chmod +x fake`)
			out := n.Run(t, "ADD", node.Call{
				Plugin: plugin, ContainerID: "container", Netns: c.Path, IfName: "eth0", Env: []string{"CNI_PATH=/run/ipam"},
				Config: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": %q, %s, "ipam": {"type": "fake"}}`, plugin, keys),
			})
			if out.Status == 0 {
				t.Errorf("ADD: %s", out.Stdout)
			}
			if links := n.Exec(t, "cat", "/run/ipam/links"); strings.Contains(links, "eth0") {
				t.Errorf("when the address was given back, there were\n%s", links)
			}
		})
	}
}

// A call that is logged hands itself on as the parent of its IPAM plugin. What the
// runtime says of vendors goes with a parent that can be read, and baggage in any case.
func TestTraceOfDelegate(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", `mkdir /run/ipam; cd /run/ipam
		printf '#!/bin/sh\ncat >/dev/null\nenv | grep -e TRACE -e BAGGAGE | sort >/run/ipam/env\n' >fake
		chmod +x fake`)
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for name, c := range map[string]struct{ parent, want string }{
		"valid":   {"00-" + trace + "-" + parent + "-01", "BAGGAGE=a=b\nTRACEPARENT=00-" + trace + "-SPAN-01\nTRACESTATE=vendor=1\n"},
		"invalid": {"00-" + trace + "-" + parent + "-1", "BAGGAGE=a=b\nTRACEPARENT=00-TRACE-SPAN-03\n"},
	} {
		n.Must(t, "STATUS", node.Call{
			Plugin: "ptp", Config: `{"cniVersion": "1.1.0", "name": "net", "type": "ptp", "ipam": {"type": "fake"}}`,
			Env: []string{"CNI_PATH=/run/ipam", "CNI_CALL_LOG=/run/log", "TRACEPARENT=" + c.parent, "TRACESTATE=vendor=1", "BAGGAGE=a=b"},
		})
		var line struct{ TraceID, SpanID, ParentSpanID string }
		if err := json.Unmarshal([]byte(n.Exec(t, "tail", "-n1", "/run/log")), &line); err != nil {
			t.Fatal(err)
		}
		want := strings.NewReplacer("TRACE-", line.TraceID+"-", "SPAN", line.SpanID).Replace(c.want)
		if diff := cmp.Diff(want, n.Exec(t, "cat", "/run/ipam/env")); diff != "" {
			t.Errorf("%s: environment (-want +got):\n%s", name, diff)
		}
		if isNew := line.TraceID != trace && line.ParentSpanID == ""; isNew != (name == "invalid") || !isNew && line.ParentSpanID != parent {
			t.Errorf("%s: %+v", name, line)
		}
	}
}
