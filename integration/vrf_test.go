package integration

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

func needsVRF(t *testing.T, n *node.Node) {
	t.Helper()
	needsDriver(t, n, "vrf")
}

// vrfLinks are commands of ip that make interfaces with equal addresses, each with
// its other end beside it. A namespace in which there has ever been a VRF has the
// rules that lead to the tables of VRFs, and keeps them.
const vrfLinks = `link add first type vrf table 9999
link del first
link add eth0 type veth peer name up0
link add eth1 type veth peer name up1
link set eth0 addrgenmode none
link set eth0 up
link set eth1 addrgenmode none
link set eth1 up
link set up0 addrgenmode none
link set up0 up
link set up1 addrgenmode none
link set up1 up
addr add 10.1.2.3/24 dev eth0
addr add fd00:1:2::3/64 dev eth0 nodad
route add default via 10.1.2.1
route add 198.51.100.0/24 via 10.1.2.1 src 10.1.2.3
route add 2001:db8:1::/64 via fd00:1:2::1 src fd00:1:2::3
`

// vrfSubject is vrf for an interface with addresses and routes.
func vrfSubject() subject {
	return subject{
		plugin: "vrf",
		config: `{"name": "net", "type": "vrf", "vrfname": "blue"}`,
		ifName: "eth0",
		exact:  true,
		since:  "0.3.1",
		needs:  needsVRF,
		prevResult: `{"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/c"}],
			"ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 0}, {"address": "fd00:1:2::3/64", "interface": 0}],
			"routes": [{"dst": "0.0.0.0/0"}]}`,
		inside: ipCommands(vrfLinks),
	}
}

// vrfCall is a call for an interface of a container, with keys and addresses.
func vrfCall(c *node.Container, ifName, keys string, addresses ...string) node.Call {
	var ips []string
	for _, a := range addresses {
		ips = append(ips, fmt.Sprintf(`{"address": %q}`, a))
	}
	return node.Call{
		Plugin: "vrf",
		Config: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net", "type": "vrf", %s, "prevResult": {"cniVersion": "1.1.0", "ips": [%s]}}`,
			keys, strings.Join(ips, ", ")),
		ContainerID: "c", Netns: c.Path, IfName: ifName,
	}
}

// vrfContainer is a container on a kernel with VRFs.
func vrfContainer(t *testing.T, commands string) (*node.Node, *node.Container) {
	t.Helper()
	needsVRF(t, node.New(t))
	return withNetwork(t, commands)
}

// The interface takes along addresses and routes, whether or not the kernel keeps
// them, and brings them back.
func TestVRFGolden(t *testing.T) {
	t.Parallel()
	const more = `addr add fd00:7::3/64 dev eth0
route add 203.0.113.0/24 dev eth0 scope link
route add 203.0.113.128/25 nexthop via 10.1.2.7 dev eth0 nexthop via 10.1.2.8 dev eth0
route add 2001:db8:2::/64 nexthop via fd00:1:2::7 dev eth0 nexthop via fd00:1:2::8 dev eth0
route add 10.9.9.0/24 dev eth0 table 77
addr add 10.1.3.3/24 dev eth1
route add 203.0.114.0/24 nexthop via 10.1.2.7 dev eth0 nexthop via 10.1.3.7 dev eth1`
	const want = `default via 10.1.2.1 dev eth0 table 1
10.1.2.0/24 dev eth0 table 1 proto kernel scope link src 10.1.2.3
198.51.100.0/24 via 10.1.2.1 dev eth0 table 1 src 10.1.2.3
203.0.113.0/24 dev eth0 table 1 scope link
203.0.113.128/25 table 1
nexthop via 10.1.2.7 dev eth0 weight 1
nexthop via 10.1.2.8 dev eth0 weight 1
203.0.114.0/24 via 10.1.2.7 dev eth0 table 1
203.0.114.0/24 via 10.1.3.7 dev eth1
10.1.3.0/24 dev eth1 proto kernel scope link src 10.1.3.3
10.9.9.0/24 dev eth0 table 77 scope link
fd00:1:2::/64 dev eth0 table 1 proto kernel metric 256
fd00:7::/64 dev eth0 table 1 proto kernel metric 256
2001:db8:1::/64 via fd00:1:2::1 dev eth0 table 1 src fd00:1:2::3 metric 1024
2001:db8:2::/64 table 1 metric 1024
nexthop via fd00:1:2::7 dev eth0 weight 1
nexthop via fd00:1:2::8 dev eth0 weight 1`
	for _, keep := range []string{"0", "1"} {
		t.Run("keep_addr_on_down="+keep, func(t *testing.T) {
			t.Parallel()
			n, c := vrfContainer(t, vrfLinks+more)
			c.Exec(t, "sysctl", "-qw", "net.ipv6.conf.eth0.keep_addr_on_down="+keep)
			before := n.State(t, c)
			call := vrfCall(c, "eth0", `"vrfname": "blue"`, "10.1.2.3/24", "fd00:1:2::3/64", "fd00:7::3/64")
			for _, when := range []string{"after ADD", "after a second ADD"} {
				n.Must(t, "ADD", call)
				if diff := cmp.Diff(sorted(want), sorted(routing(t, c))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", when, diff)
				}
				if addrs := c.Exec(t, "ip", "-6", "addr", "show", "tentative"); addrs != "" {
					t.Errorf("%s, tentative addresses:\n%s", when, addrs)
				}
			}
			n.Must(t, "CHECK", call)
			for range 2 {
				n.Must(t, "DEL", call.With("vrfname", nil))
				expectRestored(t, n, before, "after DEL", c)
			}
		})
	}
}

// An address that is being looked for elsewhere still is when the interface moves.
func TestVRFTentative(t *testing.T) {
	t.Parallel()
	n, c := vrfContainer(t, vrfLinks)
	before := n.State(t, c)
	c.Exec(t, "sh", "-ec", "ip addr add fd00:7::3/64 dev eth0; ip route add 2001:db8:7::/64 via fd00:7::1")
	call := vrfCall(c, "eth0", `"vrfname": "blue"`, "10.1.2.3/24", "fd00:1:2::3/64", "fd00:7::3/64")
	n.Must(t, "CHECK", call.With("prevResult", n.Must(t, "ADD", call)))
	if addrs := c.Exec(t, "ip", "-6", "addr", "show", "tentative"); addrs != "" {
		t.Errorf("tentative addresses:\n%s", addrs)
	}
	n.Must(t, "DEL", call)
	c.Exec(t, "sh", "-ec", "ip route del 2001:db8:7::/64; ip addr del fd00:7::3/64 dev eth0")
	expectRestored(t, n, before, "after DEL", c)
}

// through returns a net.Dialer.Control, or that of a listener, for a VRF.
func through(vrf string) func(string, string, syscall.RawConn) error {
	return func(_, _ string, conn syscall.RawConn) error {
		var err error
		if failed := conn.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), vrf) }); failed != nil {
			return failed
		}
		return err
	}
}

// Two VRFs have the same addresses and gateways and never meet.
func TestVRFTraffic(t *testing.T) {
	t.Parallel()
	needsVRF(t, node.New(t))
	n := node.New(t)
	c := n.Container(t, "c")
	var calls []node.Call
	for i, name := range []string{"blue", "red"} {
		peer := n.Container(t, name)
		ifName := fmt.Sprint("eth", i)
		peer.Exec(t, "sh", "-ec", ipCommands(fmt.Sprintf(`link add uplink type veth peer name %s netns c
link set uplink addrgenmode none
link set uplink up
addr add 10.1.2.1/24 dev uplink
addr add fd00:1:2::1/64 dev uplink nodad
addr add 198.51.100.1/32 dev uplink
link set lo up`, ifName)))
		c.Exec(t, "sh", "-ec", ipCommands(fmt.Sprintf(`link set %[1]s addrgenmode none
link set %[1]s up
addr add 10.1.2.3/24 dev %[1]s
addr add fd00:1:2::3/64 dev %[1]s nodad
route add 198.51.100.0/24 via 10.1.2.1 dev %[1]s`, ifName)))
		settle(t, n, peer)
		settle(t, n, c)
		place{peer.Do}.serve(t, name, "tcp", ":80")
		calls = append(calls, vrfCall(c, ifName, fmt.Sprintf(`"vrfname": %q`, name), "10.1.2.3/24", "fd00:1:2::3/64"))
		n.Must(t, "ADD", calls[i])
	}
	for i, vrf := range []string{"blue", "red"} {
		n.Must(t, "CHECK", calls[i])
		for _, to := range []string{"10.1.2.1:80", "[fd00:1:2::1]:80", "198.51.100.1:80"} {
			if got := askThrough(t, place{c.Do}, vrf, to); !strings.HasPrefix(got, vrf+" ") {
				t.Errorf("%s through %s answers %q", to, vrf, got)
			}
		}
	}
	for i := range calls {
		n.Must(t, "DEL", calls[i])
	}
	if left := c.Exec(t, "ip", "-br", "link", "show", "type", "vrf"); left != "" {
		t.Errorf("VRFs after DEL:\n%s", left)
	}
}

// askThrough is place.ask with a socket of a VRF.
func askThrough(t *testing.T, from place, vrf, address string) string {
	t.Helper()
	var answer string
	err := from.do(func() error {
		dialer := net.Dialer{Timeout: patience, Control: through(vrf)}
		conn, err := dialer.Dial("tcp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		answer, err = exchange(conn, patience)
		return err
	})
	if err != nil {
		t.Errorf("ask %s through %s: %v", address, vrf, err)
	}
	return answer
}

// Who shares a VRF, and which tables they get.
func TestVRFShared(t *testing.T) {
	t.Parallel()
	needsVRF(t, node.New(t))
	for _, test := range []struct {
		name, one, two string // keys
		err            string
		tables         []string // of the VRFs blue and red
	}{
		{name: "one VRF", one: `"vrfname": "blue"`, two: `"vrfname": "blue"`, tables: []string{"2"}},
		{name: "two VRFs", one: `"vrfname": "blue"`, two: `"vrfName": "red"`, tables: []string{"2", "5"}},
		{name: "one VRF, one table", one: `"vrfname": "blue", "table": 1001`, two: `"vrfname": "blue", "table": 1001`, tables: []string{"1001"}},
		{name: "two VRFs, one table", one: `"vrfname": "blue", "table": 1001`, two: `"vrfname": "red", "table": 1001`, tables: []string{"1001", "1001"}},
		{name: "one VRF, two tables", one: `"vrfname": "blue", "table": 1001`, two: `"vrfname": "blue", "table": 1002`,
			tables: []string{"1001"}, err: "VRF blue already exist with different routing table 1001"},
		{name: "no VRF", one: `"vrfname": "blue"`, two: `"vrfname": "eth0"`, tables: []string{"2"}, err: "Netlink eth0 is not a VRF"},
		{name: "no interface", one: `"vrfname": "blue"`, two: `"vrfname": "eth1"`, tables: []string{"2"}, err: "Netlink eth1 is not a VRF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// Tables of a rule, a route and a VRF are not free.
			n, c := withNetwork(t, vrfLinks+`addr add 10.1.2.3/24 dev eth1
addr add fd00:1:2::3/64 dev eth1 nodad
rule add from 10.9.9.9 table 1
route add 10.9.9.0/24 dev up0 table 3
link add green type vrf table 4`)
			before := n.State(t, c)
			one := vrfCall(c, "eth0", test.one, "10.1.2.3/24", "fd00:1:2::3/64")
			two := vrfCall(c, "eth1", test.two, "10.1.2.3/24", "fd00:1:2::3/64")
			n.Must(t, "ADD", one)
			between := n.State(t, c)
			err := n.Run(t, "ADD", two).Err()
			if test.err == "" && err != nil || test.err != "" && (err == nil || err.Error() != test.err) {
				t.Errorf("second ADD: %v", err)
			}
			links := c.Exec(t, "ip", "-d", "-o", "link", "show", "type", "vrf")
			for _, table := range test.tables {
				if !strings.Contains(links, "vrf table "+table+" ") {
					t.Errorf("no VRF has table %s:\n%s", table, links)
				}
			}
			n.Must(t, "CHECK", one)
			if err == nil {
				n.Must(t, "CHECK", two)
			}
			n.Must(t, "DEL", two)
			expectRestored(t, n, between, "after the first DEL", c)
			n.Must(t, "CHECK", one)
			n.Must(t, "DEL", one)
			expectRestored(t, n, before, "after the last DEL", c)
		})
	}
}

// ADDs at once: each VRF gets a table of its own.
func TestVRFAtOnce(t *testing.T) {
	t.Parallel()
	n, c := vrfContainer(t, vrfLinks+`link add eth2 type veth peer name up2
link add eth3 type veth peer name up3`)
	before := n.State(t, c)
	calls := []node.Call{
		vrfCall(c, "eth0", `"vrfname": "blue"`), vrfCall(c, "eth1", `"vrfname": "red"`),
		vrfCall(c, "eth2", `"vrfname": "blue"`), vrfCall(c, "eth3", `"vrfname": "green"`),
	}
	atOnce(t, n, "ADD", calls)
	atOnce(t, n, "CHECK", calls)
	links := c.Exec(t, "ip", "-d", "-o", "link", "show", "type", "vrf")
	for _, table := range []string{"1", "2", "3"} {
		if strings.Count(links, "vrf table "+table+" ") != 1 {
			t.Errorf("not one VRF has table %s:\n%s", table, links)
		}
	}
	atOnce(t, n, "DEL", calls)
	expectRestored(t, n, before, "after DEL", c)
}

// DEL finds what is left when somebody was there before it, and leaves alone what
// is not the plugin's.
func TestVRFDel(t *testing.T) {
	t.Parallel()
	needsVRF(t, node.New(t))
	for name, test := range map[string]struct {
		before, between string // commands
		gone            bool   // the VRF
	}{
		"interface gone":             {"", "link del eth0", true},
		"interface gone, VRF theirs": {"link add blue type vrf table 10", "link del eth0", false},
		"VRF gone":                   {"", "link del blue", true},
		"VRF theirs":                 {"link add blue type vrf table 10", "", false},
		"another master":             {"link add br0 type bridge", "link set eth0 nomaster\nlink set eth0 master br0", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, c := withNetwork(t, vrfLinks+test.before)
			call := vrfCall(c, "eth0", `"vrfname": "blue"`, "10.1.2.3/24")
			n.Must(t, "ADD", call)
			c.Exec(t, "sh", "-ec", ipCommands(test.between))
			between := n.State(t, c)
			for range 2 {
				n.Must(t, "DEL", call.With("prevResult", nil))
			}
			links := c.Exec(t, "ip", "-br", "link")
			if gone := !strings.Contains(links, "blue"); gone != test.gone {
				t.Errorf("VRF gone: %v\n%s", gone, links)
			}
			if name == "another master" && !strings.Contains(hoststate.Diff(n.State(t), between), "master br0") {
				t.Error("DEL has taken the interface from its other master")
			}
			if left := n.Exec(t, "ls", "/run/cni/routing"); left != "lock\n" {
				t.Errorf("records after DEL: %s", left)
			}
		})
	}
}

// CHECK misses whatever is taken away.
func TestVRFCheck(t *testing.T) {
	t.Parallel()
	needsVRF(t, node.New(t))
	for damage, want := range map[string]string{
		"link del blue":                                             "VRF blue is missing: Link not found",
		"link set blue down":                                        "VRF blue is down",
		"link set eth0 nomaster":                                    "failed to find eth0 associated to vrf blue; ",
		"addr del fd00:1:2::3/64 dev eth0":                          "interface eth0 lacks address fd00:1:2::3/64",
		"route del 198.51.100.0/24 table 1":                         "route 198.51.100.0/24 via 10.1.2.1 table 1 is missing",
		"route add default via 10.1.2.1 dev eth0 onlink table main": "route default via 10.1.2.1 table 254 is there still",
		"link del eth0":                                             "could not get link by name eth0: Link not found",
	} {
		t.Run(damage, func(t *testing.T) {
			t.Parallel()
			n, c := withNetwork(t, vrfLinks)
			call := vrfCall(c, "eth0", `"vrfname": "blue"`, "10.1.2.3/24", "fd00:1:2::3/64")
			n.Must(t, "ADD", call)
			c.Exec(t, "sh", "-ec", "ip "+damage)
			before := n.State(t, c)
			if err := n.Run(t, "CHECK", call).Err(); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if diff := hoststate.Diff(before, n.State(t, c)); diff != "" {
				t.Errorf("CHECK changed something:\n%s", diff)
			}
		})
	}
}

func TestVRFErrors(t *testing.T) {
	t.Parallel()
	n, c := vrfContainer(t, vrfLinks+"link add br0 type bridge\nlink set eth0 master br0")
	before := n.State(t, c)
	for want, call := range map[string]node.Call{
		"missing prevResult from earlier plugin":                                 vrfCall(c, "eth0", `"vrfname": "blue"`).With("prevResult", nil),
		"interface eth0 has already a master set: br0":                           vrfCall(c, "eth0", `"vrfname": "blue"`),
		"could not get link by name eth7: Link not found":                        vrfCall(c, "eth7", `"vrfname": "blue"`),
		"configuration is expected to have a valid vrf name":                     vrfCall(c, "eth0", `"table": 7`),
		`vrfname "a b": interface name contains / or : or whitespace characters`: vrfCall(c, "eth0", `"vrfname": "a b"`),
	} {
		if err := n.Run(t, "ADD", call).Err(); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		n.Must(t, "DEL", call)
		expectRestored(t, n, before, want, c)
	}
}

// What either plugin's ADD made, the other one's DEL removes, and ours checks.
// Debian's forgets the interface's routes.
func TestVRFDebian(t *testing.T) {
	t.Parallel()
	n, c := vrfContainer(t, vrfLinks+"route flush proto boot\nroute del 2001:db8:1::/64")
	before := n.State(t, c)
	ours, theirs := upstreams(t, vrfCall(c, "eth0", `"vrfname": "blue"`, "10.1.2.3/24", "fd00:1:2::3/64"))
	n.Must(t, "ADD", theirs)
	made := routing(t, c)
	n.Must(t, "CHECK", ours)
	n.Must(t, "ADD", ours)
	n.Must(t, "DEL", ours)
	expectRestored(t, n, before, "after our DEL of upstream's", c)

	n.Must(t, "ADD", ours)
	if diff := cmp.Diff(sorted(made), sorted(routing(t, c))); diff != "" {
		t.Errorf("upstream's and ours (-upstream's +ours):\n%s", diff)
	}
	n.Must(t, "CHECK", theirs)
	n.Must(t, "DEL", theirs)
	if links := c.Exec(t, "ip", "-br", "link"); strings.Contains(links, "blue") {
		t.Errorf("after upstream's DEL of ours:\n%s", links)
	}
	n.Must(t, "DEL", ours)
	expectRestored(t, n, before, "after upstream's DEL of ours, and ours", c)
}

// Without a record, as after upstream's ADD, the routes come back from the table.
func TestVRFUnrecorded(t *testing.T) {
	t.Parallel()
	n, c := vrfContainer(t, vrfLinks)
	before := n.State(t, c)
	call := vrfCall(c, "eth0", `"vrfname": "blue"`, "10.1.2.3/24", "fd00:1:2::3/64")
	n.Must(t, "ADD", call)
	n.Exec(t, "sh", "-ec", "rm /run/cni/routing/vrf-*")
	n.Must(t, "CHECK", call)
	n.Must(t, "ADD", call)
	for range 2 {
		n.Must(t, "DEL", call)
		expectRestored(t, n, before, "after DEL", c)
	}
}

// CHECK of the plugin that made the interface knows where its routes are.
func TestVRFInChain(t *testing.T) {
	t.Parallel()
	needsVRF(t, node.New(t))
	n := node.New(t)
	c := n.Container(t, "c")
	first := subjects[0].call(latest, c.Path)
	first = first.With("prevResult", n.Must(t, "ADD", first))
	second := first.With("vrfname", []byte(`"blue"`))
	second.Plugin = "vrf"
	n.Must(t, "ADD", second)
	n.Must(t, "CHECK", first)
	n.Must(t, "CHECK", second)
	c.Exec(t, "ip", "route", "del", "default", "table", "1")
	if err := n.Run(t, "CHECK", first).Err(); err == nil || err.Error() != "interface eth0 lacks route default via 10.1.2.1" {
		t.Errorf("without the default route: %v", err)
	}
	n.Must(t, "DEL", second)
	n.Must(t, "CHECK", first)
	n.Must(t, "DEL", first)
}
