package integration

import (
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
