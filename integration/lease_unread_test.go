package integration

import (
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/node"
)

// A lease whose file cannot be read for a moment, while all are read, is not forgotten: DEL
// frees it then, or the next time.
func TestLeaseUnread(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"ADD", "CHECK", "DEL", "GC", "STATUS"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			call := findSubject("host-local", "").call(latest, "/run/netns/c")
			other := call
			other.ContainerID = "other"
			disturbed := map[string]node.Call{"ADD": other, "GC": listing(call, `{"containerID": "other", "ifname": "eth0"}`)}
			unread := 0
			for f := (faults.Fault{N: 1}); ; f.N++ {
				result := n.Must(t, "ADD", call)
				c, is := disturbed[verb]
				if !is {
					c = call.With("prevResult", result)
				}
				n.Exec(t, "touch", "/var/lib/cni/networks/net") // as one who changes something there does
				_, hit := n.Disturb(t, verb, c, f)
				if hit == nil {
					break
				}
				if strings.HasPrefix(hit.Call, "openat /var/lib/cni/networks/net/10.") {
					unread++
				}
				n.Must(t, "DEL", call)
				n.Must(t, "DEL", other)
				if left := n.Exec(t, "sh", "-c", "ls /var/lib/cni/networks/net | grep ^[1f] || true"); left != "" {
					t.Fatalf("after %v, and DEL, there is %s", hit, left)
				}
			}
			if unread == 0 && verb != "STATUS" {
				t.Error("no lease was unread")
			}
		})
	}
}
