package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/node"
)

// Where dataDir, or what should be in it, is a file, there can be nothing in it that DEL
// or GC could find; ADD fails, and says why.
func TestDataDirIsFile(t *testing.T) {
	t.Parallel()
	for plugin, paths := range map[string][]string{
		"host-local": {"/run/file", "/run/file/below", "/run/data"}, // in which net is a file
		"bridge":     {"/run/file", "/run/data"},
		"tuning":     {"/run/file", "/run/file/below"},
	} {
		for _, path := range paths {
			t.Run(plugin+" "+path, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				c := n.Container(t, "c")
				n.Exec(t, "sh", "-ec", "touch /run/file; mkdir /run/data; touch /run/data/net")
				config := fmt.Sprintf(`{"cniVersion": %q, "name": "net", "type": %q, "cni.dev/valid-attachments": [],
					"ipam": {"type": "host-local", "dataDir": %[3]q, "subnet": "10.1.2.0/24"}, "dataDir": %[3]q, "mtu": 1400,
					"prevResult": {"cniVersion": %[1]q, "interfaces": [{"name": "lo", "sandbox": %[4]q}]}}`, latest, plugin, path, c.Path)
				call := node.Call{Plugin: plugin, ContainerID: "container", Netns: c.Path, IfName: "lo", Config: config}
				if plugin == "bridge" {
					call.IfName = "eth0"
				}
				if err := n.Run(t, "ADD", call).Err(); !node.IsError(err) || !strings.Contains(err.Error(), "not a directory") {
					t.Errorf("ADD: %v", err)
				}
				n.Must(t, "DEL", call)
				n.Must(t, "GC", call)
			})
		}
	}
}

// A resolvConf that is no regular file is an error: a FIFO without a writer would be
// waited for, and a device has no end. A FIFO as call log without a reader is no log.
func TestNoRegularFile(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "mkfifo", "/run/fifo")
	for _, path := range []string{"/run/fifo", "/dev/zero", "/run"} {
		call := node.Call{Plugin: "host-local", ContainerID: "container", Netns: "/none", IfName: "eth0", Env: []string{"CNI_CALL_LOG=/run/fifo"}}
		call.Config = fmt.Sprintf(`{"cniVersion": %q, "name": "net", "type": "any", "ipam": {"type": "host-local", "subnet": "10.1.2.0/24", "resolvConf": %q}}`, latest, path)
		err := n.Run(t, "ADD", call).Err()
		if e, ok := err.(*types.Error); !ok || e.Code != types.ErrInvalidNetworkConfig || e.Msg != "resolvConf "+path+" is no regular file" {
			t.Errorf("%s: %v", path, err)
		}
	}
}
