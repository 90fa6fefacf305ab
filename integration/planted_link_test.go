package integration

import (
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// In a dataDir that everybody may write to, no link is followed that another user has made,
// be it a network's directory or a file in it: nothing comes to be, or changes, elsewhere.
// Links of root lead where root wants.
func TestPlantedLinks(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "lock", ".index", ".new", "last_reserved_ip.0", "10.1.2.2"} {
		for owner, trusted := range map[string]bool{"1000": false, "0": true} {
			t.Run("net/"+name+" of "+owner, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				path, target := "/run/open/net/"+name, "/run/root/file"
				if name == "" {
					path, target = "/run/open/net", "/run/root"
				}
				n.Exec(t, "sh", "-ec", `mkdir /run/root; echo kept >/run/root/file; mkdir -m 777 /run/open`)
				if name != "" {
					n.Exec(t, "mkdir", "-m", "777", "/run/open/net")
				}
				n.Exec(t, "sh", "-ec", `ln -s "$1" "$0"; chown -h "$2" "$0"`, path, target, owner)
				call := node.Call{Plugin: "host-local", ContainerID: "container", Netns: "/run/netns/c", IfName: "eth0", Config: `{"cniVersion": "1.1.0",
					"name": "net", "type": "any", "ipam": {"type": "host-local", "dataDir": "/run/open", "subnet": "10.1.2.0/24"}}`}
				for _, verb := range []string{"ADD", "STATUS", "GC", "DEL"} {
					c := call
					if verb == "GC" {
						c = listing(call)
					}
					err := n.Run(t, verb, c).Err()
					if err != nil && !node.IsError(err) {
						t.Errorf("%s: %v", verb, err)
					}
					if name == "" && trusted != (err == nil) {
						t.Errorf("%s: %v", verb, err)
					}
					if left := n.Exec(t, "sh", "-c", "ls -A /run/root; cat /run/root/file"); !trusted && left != "file\nkept\n" {
						t.Errorf("after %s: %s", verb, strings.TrimSpace(left))
					}
				}
			})
		}
	}
}
