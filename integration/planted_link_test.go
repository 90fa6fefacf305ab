package integration

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// In a dataDir that everybody may write to, no link is followed that another user has made,
// be it a network's directory or a file in it: nothing comes to be, or changes, elsewhere,
// whether there is something at the end of the link or not.
// Links of root lead where root wants.
func TestPlantedLinks(t *testing.T) {
	t.Parallel()
	for _, link := range []struct{ name, target string }{
		{"", ""}, {"lock", "file"}, {"lock", "none"}, {".index", "file"}, {".index", "none"}, {".new", "file"}, {".new", "none"},
		{"last_reserved_ip.0", "file"}, {"last_reserved_ip.0", "none"}, {"10.1.2.2", "file"}, {"10.1.2.2", "none"},
	} {
		name, path, target := link.name, filepath.Join("/run/open/net", link.name), filepath.Join("/run/root", link.target)
		for owner, trusted := range map[string]bool{"1000": false, "0": true} {
			t.Run("net/"+name+" of "+owner+" to "+target, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
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
