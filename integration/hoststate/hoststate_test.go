package hoststate_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/netdev"
)

func TestMain(m *testing.M) { os.Exit(node.Main(m)) }

// Every change must show, and nothing when it is taken back.
func TestDiff(t *testing.T) {
	t.Parallel()
	for _, change := range []struct {
		name, needs    string
		do, undo, want string
	}{
		{"link", "", "ip link add v0 type veth peer name v1", "ip link del v0", "+ host links: v0 veth down"},
		{"link up", "", "ip link set lo down", "ip link set lo up", "- host links: lo device up"},
		{"alias", "", "ip link set lo alias x", "ip link set lo alias ''", `alias "x"`},
		{"queue length", "", "ip link set lo txqueuelen 7", "ip link set lo txqueuelen 1000", "txqueuelen 7"},
		{"all multicast", "", "ip link set lo allmulticast on", "ip link set lo allmulticast off", "allmulti true"},
		{"address", "", "ip addr add 10.0.0.1/8 dev lo", "ip addr del 10.0.0.1/8 dev lo", "+ host addresses: lo 10.0.0.1/8"},
		{"address v6", "", "ip addr add fd00::1/64 dev lo", "ip addr del fd00::1/64 dev lo", "+ host addresses: lo fd00::1/64"},
		{"route", "", "ip route add 10.9.0.0/16 dev lo", "ip route del 10.9.0.0/16", "table 254 10.9.0.0/16"},
		{"route in a table", "", "ip route add blackhole 10.9.0.0/16 table 100", "ip route flush table 100", "table 100 10.9.0.0/16"},
		{"route v6", "", "ip route add fd01::/64 dev lo", "ip route del fd01::/64", "fd01::/64"},
		{"rule", "", "ip rule add from 10.1.1.1 table 100", "ip rule del from 10.1.1.1 table 100", "from 10.1.1.1"},
		{"neighbour", "", "ip link add v0 type veth; ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev v0", "ip link del v0", "v0 10.0.0.9 02:00:00:00:00:01"},
		{"nftables", "nft add table inet x", "nft add table inet x; nft add chain inet x c; nft add rule inet x c counter accept", "nft delete table inet x", "+ host nft: \t\tcounter accept"},
		{"iptables", "iptables -S", "iptables -N X", "iptables -X X; nft delete table ip filter 2>/dev/null || true", ":X - []"},
		{"qdisc", "", "ip link add v0 type veth; tc qdisc add dev v0 ingress", "ip link del v0", "v0 ingress"},
		{"sysctl", "", "echo 1 >/proc/sys/net/ipv4/ip_forward", "echo 0 >/proc/sys/net/ipv4/ip_forward", "+ host sysctls: net/ipv4/ip_forward = 1"},
		{"file", "", "echo x >/run/f", "rm /run/f", `+ files: /run/f -rw-r--r-- "x\n"`},
		{"file mode", "", "chmod 700 /run", "chmod 755 /run", "/run drwx------"},
		{"mount", "", "touch /run/netns/x; mount --bind /proc/self/ns/net /run/netns/x", "umount /run/netns/x; rm -rf /run/mount /run/netns/x", "+ mounts: /run/netns/x"},
		{"container", "", "nsenter --net=/run/netns/c ip link add v0 type veth", "nsenter --net=/run/netns/c ip link del v0", "+ c links: v0 veth"},
	} {
		t.Run(change.name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			if change.needs != "" && n.Do(exec.Command("sh", "-ec", change.needs+"; nft flush ruleset").Run) != nil {
				t.Skipf("kernel lacks what %q needs", change.needs)
			}
			before := n.State(t, c)
			n.Exec(t, "sh", "-ec", change.do)
			changed := n.State(t, c)
			if diff := hoststate.Diff(before, changed); !strings.Contains(diff, change.want) {
				t.Errorf("%q is not in\n%s", change.want, diff)
			}
			if diff := hoststate.Diff(before, changed, regexp.MustCompile("")); diff != "" {
				t.Errorf("not ignored:\n%s", diff)
			}
			n.Exec(t, "sh", "-ec", change.undo)
			if diff := hoststate.Diff(before, n.State(t, c)); diff != "" {
				t.Errorf("taken back, but\n%s", diff)
			}
		})
	}
}

// What ethtool(8) turns off shows as well.
func TestDiffFeatures(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	set := func(on bool) {
		err := n.Do(func() error {
			lo, err := netdev.Open("lo")
			if err != nil {
				return err
			}
			defer lo.Close()
			return lo.SetFeatures(map[string]bool{"tx-tcp-segmentation": on})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	before := n.State(t)
	set(false)
	if diff := hoststate.Diff(before, n.State(t)); !strings.Contains(diff, "+ host features: lo off: ") || !strings.Contains(diff, "tx-tcp-segmentation") {
		t.Errorf("not in\n%s", diff)
	}
	set(true)
	if diff := hoststate.Diff(before, n.State(t)); diff != "" {
		t.Errorf("taken back, but\n%s", diff)
	}
}

// The order of rules is state as well, other orders are the kernel's whim.
func TestDiffOrder(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	if n.Do(exec.Command("nft", "add", "table", "inet", "x").Run) != nil {
		t.Skip("kernel lacks nftables of family inet")
	}
	rules := func(first, second string) hoststate.State {
		n.Exec(t, "nft", "flush ruleset; table inet x { chain c { tcp dport "+first+" accept; tcp dport "+second+" accept; }; }")
		return n.State(t)
	}
	one, other := rules("1", "2"), rules("2", "1")
	if got, want := hoststate.Diff(one, other), "! host nft: the order differs\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
