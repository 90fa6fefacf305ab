package integration

import (
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// An interface without addresses is operational when ADD returns, too: the kernel
// drops what is sent before that. On a node on which nothing was before, both ends
// of the pair have the same index, and the kernel's link watch, which takes the
// ends for one interface then, is in no hurry.
func TestLayer2IsOperational(t *testing.T) {
	t.Parallel()
	for plugin, call := range map[string]func(*node.Container) node.Call{
		"bridge":  func(c *node.Container) node.Call { return bridgeCall(c, `"mtu": 1400`) },
		"macvlan": func(c *node.Container) node.Call { return childCall("macvlan", c, `"mode": "bridge"`) },
	} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			for range 8 {
				n := node.New(t)
				if plugin == "macvlan" {
					n.Exec(t, "sh", "-ec", wire)
				}
				c := n.Container(t, "c")
				n.Must(t, "ADD", call(c))
				// A look through rtnetlink would make Linux since 6.8 hurry.
				state := c.Exec(t, "unshare", "-m", "sh", "-ec", "mount -t sysfs sysfs /sys; cat /sys/class/net/eth0/operstate")
				if state != "up\n" && state != "unknown\n" { // netif_oper_up
					t.Errorf("after ADD the container's interface is %q", state)
				}
			}
		})
	}
}
