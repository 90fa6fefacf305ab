package integration

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// What upstream's ADD made, DEL removes, and the other way round.
func TestMasterInterop(t *testing.T) {
	t.Parallel()
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	for plugin, keys := range map[string]string{"macvlan": `"mode": "private"`, "ipvlan": `"mode": "l2"`, "vlan": `"vlanId": 5`} {
		upstream, err := exec.LookPath(upstreamBin + plugin)
		if err != nil {
			t.Skip("upstream's plugins are not installed")
		}
		for name, verbs := range map[string][2]string{
			"upstream's ADD": {upstream, bin + "/" + plugin},
			"upstream's DEL": {bin + "/" + plugin, upstream},
		} {
			t.Run(plugin+" "+name, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				needsDriver(t, n, plugin)
				outside := neighbour(t, n, "peer", "true")
				if plugin == "vlan" {
					outside.Exec(t, "sh", "-ec", "ip link add link peer name five type vlan id 5; ip link set five up; ip addr flush dev peer; ip addr add 10.1.2.1/24 dev five")
				}
				c := n.Container(t, "c")
				before := n.State(t, c)
				call := childCall(plugin, c, keys+", "+bridgeV4).With("cniVersion", []byte(`"1.0.0"`))
				call.Config = strings.Replace(call.Config, `"subnet":"10.1.2.0/24"`, `"subnet":"10.1.2.0/24","rangeStart":"10.1.2.5"`, 1)
				run := func(command, path string, call node.Call) string {
					t.Helper()
					return n.Exec(t, "env", "CNI_COMMAND="+command, "CNI_CONTAINERID=c", "CNI_NETNS="+c.Path, "CNI_IFNAME=eth0",
						"CNI_PATH="+path[:strings.LastIndexByte(path, '/')], "sh", "-ec", `printf %s "$0" | "$1"`, call.Config, path)
				}
				result := run("ADD", verbs[0], call)
				if !reaches(t, c, "10.1.2.1") {
					t.Error("the neighbour does not answer")
				}
				call = call.With("prevResult", []byte(result))
				run("CHECK", verbs[1], call)
				run("DEL", verbs[1], call)
				if diff := hoststate.Diff(before, n.State(t, c), node.Lasting()); diff != "" {
					t.Errorf("after DEL:\n%s", diff)
				}
			})
		}
	}
}
