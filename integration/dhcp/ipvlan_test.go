package dhcp_test

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/dhcpnet"
	"github.com/containernetworking/plugins/integration/node"
)

// Two interfaces of kinds that share their master with others, and with ipvlan its
// hardware address too, get their addresses and can use them.
func TestSharedMaster(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ipvlan", "macvlan"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			s := dhcpnet.NewSegment(t, n, "br0", "10.1.2")
			s.Dnsmasq(t, s.Range(50, 60), "--dhcp-option=3,10.1.2.1")
			daemon := dhcpnet.Daemon(t, n)
			n.Exec(t, "sh", "-ec", "ip link add m0 type veth peer name m1; ip link set m1 master br0 up; ip link set m0 up")
			got := make(map[string]bool)
			for _, name := range []string{"one", "two"} {
				c := n.Container(t, name)
				addShared(t, n, kind, name)
				// A server tells clients apart by their identifiers.
				call := call(c, "")
				call.ContainerID = name
				result, call := add(t, n, c, call)
				got[result.IPs[0].Address.String()] = true
				n.Must(t, "CHECK", call)
				c.Exec(t, "ping", "-c1", "-W5", "10.1.2.1")
				defer func() {
					n.Must(t, "DEL", call)
					eventually(t, limit, func() string {
						if leases := s.LeaseFile(t); strings.Contains(leases, result.IPs[0].Address.IP.String()) {
							return leases
						}
						return ""
					})
				}()
			}
			if len(got) != 2 {
				t.Errorf("addresses %v\n%s", got, daemon.Output())
			}
		})
	}
}

// addShared makes eth0 in a container on the master m0, or skips the test.
func addShared(t *testing.T, n *node.Node, kind, name string) {
	t.Helper()
	err := n.Do(func() error {
		master, err := netlink.LinkByName("m0")
		if err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.ParentIndex = "s-"+name, master.Attrs().Index
		if kind == "ipvlan" {
			return netlink.LinkAdd(&netlink.IPVlan{LinkAttrs: attrs, Mode: netlink.IPVLAN_MODE_L2})
		}
		return netlink.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE})
	})
	if err == unix.EOPNOTSUPP {
		t.Skip("kernel lacks " + kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	n.Exec(t, "ip", "link", "set", "s-"+name, "netns", name, "name", "eth0")
}
