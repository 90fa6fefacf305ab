package integration

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/owner"
)

// acts are what a container does to its own network, as shell commands that may fail in
// part. $IF is its interface; $ALIAS, $MAC and $ADDRESS are those of another container.
var acts = map[string]string{
	"renames":            `ip link set $IF down; ip link set $IF name mine; ip link set mine up`,
	"renames and plants": `ip link set $IF down; ip link set $IF name mine; ip link add $IF type veth peer name other; ip link set $IF alias "$ALIAS"; ip link set $IF up`,
	"replaces":           `ip link del $IF; ip link add $IF type veth peer name other; ip addr add $ADDRESS dev $IF; ip link set $IF up`,
	"removes":            `ip link del $IF`,
	"disguises":          `ip link set $IF alias "$ALIAS"; ip link set $IF down; ip link set $IF address $MAC; ip link set $IF up; ip link set $IF group 77`,
	"has other names":    `ip link property add dev $IF altname mine; ip link add name dev0 type veth peer name other; ip link property add dev dev0 altname br0; ip link property add dev lo altname nic-other`,
	"has other addresses": `ip addr flush dev $IF; ip addr add $ADDRESS dev $IF; ip addr add 10.1.2.1/24 dev $IF
		ip addr add 192.0.2.1/32 dev lo`,
	"has other routes": `ip route flush table main; ip -6 route flush table main; ip route flush table 100; ip rule flush
		ip rule add pref 10 lookup 200; ip route add default dev $IF table 200; ip route add 198.51.100.0/24 dev $IF`,
	"has other qdiscs": `tc qdisc replace dev $IF root prio; tc qdisc del dev $IF ingress; tc qdisc add dev $IF ingress
		tc filter add dev $IF parent ffff: protocol all matchall action drop`,
	"has a bridge": `ip link add br0 type bridge; ip link set $IF master br0; ip link set br0 up`,
	"filters": `nft add table inet cni_plugins_masquerade; nft add table ip nat; nft add chain ip nat CNI-HOSTPORT-DNAT
		nft add table inet all '{ chain all { type filter hook output priority 0; policy drop; }; }'`,
}

// Whatever a container does to its own network, CHECK ends with a result or one error, and
// after DEL host and other containers are as they were before the container came.
func TestHostileContainer(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for i, name := range slices.Sorted(maps.Keys(acts)) {
			if !s.isHostile(i) {
				continue
			}
			act := acts[name]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				s.prepare(t, n)
				other, c := s.container(t, n, "other"), s.container(t, n, "c")
				theirs, ours := s.call(latest, other.Path), s.beside(c)
				n.Must(t, "DEL", theirs.With("prevResult", n.Must(t, "ADD", theirs))) // makes what lasts
				theirs = theirs.With("prevResult", n.Must(t, "ADD", theirs))
				before := n.State(t, other)
				ours = ours.With("prevResult", n.Must(t, "ADD", ours))
				commit(t, act, s.ifName, c, other)
				if err := n.Run(t, "CHECK", ours).Err(); err != nil && !node.IsError(err) {
					t.Errorf("CHECK: %v", err)
				}
				for range 2 {
					n.Must(t, "DEL", ours)
				}
				ignore := []*regexp.Regexp{node.Lasting(), late()}
				if s.wire != "" {
					s.doomed = "hc" // the host's end
				}
				if s.held != "" {
					ignore = append(ignore, regexp.MustCompile(s.held))
				}
				if s.doomed != "" && strings.Contains(act, "ip link del") { // which is the container's to do
					ignore = append(ignore, regexp.MustCompile(s.doomed))
				}
				if diff := hoststate.Diff(before, n.State(t, other), ignore...); diff != "" {
					t.Errorf("after DEL:\n%s", diff)
				}
				check(t, n, other, latest, theirs)
				n.Must(t, "DEL", theirs)
			})
		}
	})
}

// commit does an act in a container, as far as that is possible.
func commit(t *testing.T, act, ifName string, c, other *node.Container) {
	t.Helper()
	of := func(command string) string {
		return strings.TrimSpace(other.Exec(t, "sh", "-c", strings.ReplaceAll(command, "IF", ifName)))
	}
	alias, mac, address := of(`ip link show dev IF | sed -n 's/^ *alias //p'`),
		of(`ip link show dev IF | sed -n 's/^ *link.ether \([^ ]*\).*/\1/p'`), of(`ip -o -4 addr show dev IF | sed -n 's/.*inet \([^ ]*\).*/\1/p;q'`)
	c.Exec(t, "sh", "-c", fmt.Sprintf("IF=%s ALIAS=%q MAC=%s ADDRESS=%s; { %s; } 2>/dev/null; true", ifName, alias, mac, address, act))
}

// beside is a call for a container that can be there together with one of the subject's own.
func (s subject) beside(c *node.Container) node.Call {
	call := s.call(latest, c.Path)
	call.ContainerID = "forgotten"
	// A VLAN of a master has one interface, and so has a port of the host, or an address.
	call.Config = strings.NewReplacer(`"vlanId":100`, `"vlanId":102`, `:8080`, `:8082`, `:8053`, `:8055`,
		`"10.1.2.3/`, `"10.1.2.4/`, `"fd00:1:2::3/`, `"fd00:1:2::4/`).Replace(call.Config)
	return call
}

// A container can give its interface the tag of its own with another name of the network, be
// it one that no network has. DEL goes by that, and by the name that the network has.
func TestForgedName(t *testing.T) {
	t.Parallel()
	for _, r := range []renamable{
		{name: "macvlan", plugins: [][2]string{{"macvlan", `"master": "uplink", ` + dualStack}}, host: wire},
		{name: "macvlan that the host reaches", plugins: [][2]string{{"macvlan", `"master": "uplink", "hostInterface": {"addresses": ["10.31.2.250", "fd00:31:2::250"]}, ` + dualStack}}, host: wire},
		{name: "tap", plugins: [][2]string{{"tap", dualStack}}},
		{name: "sbr", plugins: [][2]string{{"bridge", plain}, {"sbr", `"table": 5000`}}},
		{name: "portmap", plugins: [][2]string{{"bridge", guarded}, {"portmap", `"backend": "nftables", ` + mapped}}},
		{name: "bandwidth", plugins: [][2]string{{"bridge", plain}, {"bandwidth", `"runtimeConfig": {"bandwidth": ` + both + `}`}}},
		{name: "portmap on macvlan", plugins: [][2]string{{"macvlan", `"master": "uplink", ` + dualStack}, {"portmap", `"backend": "nftables", ` + mapped}}, host: wire},
	} {
		for _, forged := range []string{"other", "../../../../run/cni", ""} {
			t.Run(fmt.Sprintf("%s, %q", r.name, forged), func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				n.Exec(t, "sh", "-ec", r.host+"\ntrue")
				c := n.Container(t, "c")
				r.add(t, n, c, "net")
				r.del(t, n, c, "net")
				before := n.State(t, c)
				r.add(t, n, c, "net")
				a := owner.Attachment{Network: forged, ContainerID: filepath.Base(c.Path), IfName: "eth0"}
				c.Exec(t, "ip", "link", "set", "eth0", "alias", a.Tag())
				for range 2 {
					r.del(t, n, c, "net")
					if diff := hoststate.Diff(before, n.State(t, c), node.Lasting(), late()); diff != "" {
						t.Errorf("after DEL:\n%s", diff)
					}
				}
			})
		}
	}
}

// Neither does DEL go by the tag of an interface that has taken the place of the container's own, and
// with it the other end on the host.
func TestForgedPlace(t *testing.T) {
	t.Parallel()
	for _, r := range renamables {
		if r.plugins[0][0] != "bridge" || r.name == "vrf" {
			continue // of others nothing is on the host
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			r.add(t, n, c, "net")
			r.del(t, n, c, "net")
			before := n.State(t)
			r.add(t, n, c, "net")
			a := owner.Attachment{Network: "other", ContainerID: filepath.Base(c.Path), IfName: "eth0"}
			c.Exec(t, "ip", "link", "del", "eth0")
			c.Exec(t, "ip", "link", "add", "eth0", "type", "bridge")
			c.Exec(t, "ip", "link", "set", "eth0", "alias", a.Tag())
			r.del(t, n, c, "net")
			if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late()); diff != "" {
				t.Errorf("after DEL:\n%s", diff)
			}
		})
	}
}
