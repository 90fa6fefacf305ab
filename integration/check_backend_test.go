package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// A container keeps the backend of its ADD, whatever the default has become since: iptables may
// be installed, or go, while it runs.
func TestCheckFormerDefault(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("iptables-restore")
	if err == nil {
		tool, err = filepath.EvalSymlinks(tool)
	}
	if err != nil {
		t.Fatal(err)
	}
	hide, show := "mount --bind /dev/null "+tool, "umount "+tool
	for _, test := range []struct {
		name, before, after string
	}{
		{"iptables comes", hide, show},
		{"iptables goes", "true", hide},
	} {
		for plugin, call := range map[string]func(*node.Container) node.Call{
			"portmap": func(*node.Container) node.Call {
				return portmapCall("c", `"snat": true`, goldenMappings, "10.50.0.2/24", "fd00::2/64")
			},
			"firewall": func(*node.Container) node.Call {
				return firewallCall("c", `"ingressPolicy": "same-bridge"`, "10.50.0.2/24", "fd00::2/64")
			},
			"ptp": func(c *node.Container) node.Call {
				return node.Call{Plugin: "ptp", ContainerID: "c", Netns: c.Path, IfName: "eth0", Config: fmt.Sprintf(
					`{"cniVersion": "1.1.0", "name": "net", "type": "ptp", "ipMasq": true, %s}`, dualStack)}
			},
		} {
			t.Run(plugin+", "+test.name, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				call := call(n.Container(t, "c"))
				n.Exec(t, "sh", "-ec", test.before)
				result := n.Must(t, "ADD", call)
				if plugin == "ptp" {
					call = call.With("prevResult", result)
				}
				n.Must(t, "CHECK", call)
				n.Exec(t, "sh", "-ec", test.after)
				n.Must(t, "CHECK", call)
				n.Must(t, "DEL", call)
			})
		}
	}
}
