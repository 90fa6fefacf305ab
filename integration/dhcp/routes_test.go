package dhcp_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// routed lists a container's IPv4 routes in all tables but for those that the kernel makes of
// addresses.
func routed(t *testing.T, c *node.Container) string {
	t.Helper()
	var lines []string
	for _, line := range strings.Split(c.Exec(t, "ip", "-4", "route", "show", "table", "all"), "\n") {
		if !strings.Contains(line, "proto kernel") && line != "" {
			lines = append(lines, strings.TrimSpace(strings.ReplaceAll(line, " linkdown", "")))
		}
	}
	return strings.Join(lines, "\n")
}

// needsVRF skips the test if the kernel has no VRFs.
func needsVRF(t *testing.T, n *node.Node) {
	t.Helper()
	err := n.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "probe"
		vrf := &netlink.Vrf{LinkAttrs: attrs, Table: 77}
		if err := netlink.LinkAdd(vrf); err != nil {
			return err
		}
		return netlink.LinkDel(vrf)
	})
	if err == unix.EOPNOTSUPP {
		t.Skip("kernel lacks vrf")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What others make of the routes of a lease stays, when the daemon is started anew and when the
// carrier was away. What the kernel drops, as the interface was down, comes back where it was.
func TestRoutesOfOthers(t *testing.T) {
	t.Parallel()
	const eth0 = "default via 10.9.9.1 dev eth0"
	behind := func(kind string) func(*testing.T, *node.Node, *node.Container, node.Call) {
		return func(t *testing.T, n *node.Node, _ *node.Container, call node.Call) {
			call.Plugin = kind
			n.Must(t, "ADD", call.With("type", []byte(`"`+kind+`"`)).With("vrfname", []byte(`"blue"`)))
		}
	}
	for name, test := range map[string]struct {
		keys string
		then func(*testing.T, *node.Node, *node.Container, node.Call)
		// want are the routes, those after the interface was down if they are others.
		want, flapped string
	}{
		"defaultRoute with metric": {
			keys: `"defaultRoute": {"metric": 2000},`,
			want: eth0 + "\ndefault via 10.1.2.1 dev net1 metric 2000\n198.51.100.0/24 via 10.1.2.9 dev net1",
		},
		"no defaultRoute": {
			keys: `"defaultRoute": false,`,
			want: eth0 + "\n198.51.100.0/24 via 10.1.2.9 dev net1",
		},
		"sbr": {
			then:    behind("sbr"),
			want:    "default via 10.1.2.1 dev net1 table 100\n198.51.100.0/24 via 10.1.2.9 dev net1 table 100\n" + eth0,
			flapped: "default via 10.1.2.1 dev net1\n" + eth0 + "\n198.51.100.0/24 via 10.1.2.9 dev net1",
		},
		"vrf": {
			then: behind("vrf"),
			want: "default via 10.1.2.1 dev net1 table 1\n198.51.100.0/24 via 10.1.2.9 dev net1 table 1\n" + eth0,
		},
		"default route deleted": {
			then: func(t *testing.T, _ *node.Node, c *node.Container, _ node.Call) {
				c.Exec(t, "ip", "route", "del", "default", "via", "10.1.2.1")
			},
			want:    eth0 + "\n198.51.100.0/24 via 10.1.2.9 dev net1",
			flapped: "default via 10.1.2.1 dev net1\n" + eth0 + "\n198.51.100.0/24 via 10.1.2.9 dev net1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			if name == "vrf" {
				needsVRF(t, n)
			}
			s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
			s.Dnsmasq(t, s.Range(50, 50), "--dhcp-option=121,198.51.100.0/24,10.1.2.9,0.0.0.0/0,10.1.2.1")
			daemon := dhcpnet.Daemon(t, n)
			c := n.Container(t, "c")
			c.Exec(t, "sh", "-ec", `ip link add eth0 type veth peer name lan0; ip link set lan0 up; ip link set eth0 up
				ip addr add 10.9.9.2/24 dev eth0; ip route add default via 10.9.9.1`)
			_, call := allocate(t, n, node.Call{
				Plugin: "bridge", ContainerID: "container", Netns: c.Path, IfName: "net1",
				Config: `{"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0", ` + test.keys + `
					"ipam": {"type": "dhcp", "request": [{"option": "121"}]}}`,
			})
			if test.then != nil {
				test.then(t, n, c, call)
			}
			wantRoutes := func(when, want string) {
				t.Helper()
				if diff := cmp.Diff(want, routed(t, c)); diff != "" {
					t.Errorf("%s (-want +got):\n%s\n%s", when, diff, daemon.Output())
				}
			}
			wantRoutes("after ADD", test.want)
			if name == "vrf" { // which sets the interface down and up
				daemon.Await(t, "lease confirmed", 1, limit)
				wantRoutes("some seconds after ADD", test.want)
			}

			daemon.Stop(syscall.SIGKILL)
			daemon = dhcpnet.Daemon(t, n)
			daemon.Await(t, "lease confirmed", 1, limit)
			wantRoutes("after a restart", test.want)

			n.Exec(t, "sh", "-ec", `port=$(ls /sys/class/net/br0/brif | grep -v ^s-); ip link set $port down; ip link set $port up`)
			daemon.Await(t, "lease confirmed", 2, limit)
			wantRoutes("after the carrier was away", test.want)

			if test.flapped == "" {
				test.flapped = test.want
			}
			c.Exec(t, "sh", "-ec", "ip link set net1 down; ip link set net1 up")
			daemon.Await(t, "lease confirmed", 3, limit)
			wantRoutes("after the interface was down", test.flapped)
			n.Must(t, "DEL", call)
		})
	}
}
