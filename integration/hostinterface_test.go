package integration

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/owner"
)

// reachable is a host with an address on "uplink", at whose other end is the namespace
// "outside", and containers on it of one kind.
type reachable struct {
	*node.Node
	outside *node.Container
	kind    string
}

const hostUplink = `ip link add uplink type veth peer name eth0 netns outside; ip link set uplink address 02:00:00:00:00:07
	ip addr add 10.89.1.1/24 dev uplink; ip addr add fd00:89:1::1/64 dev uplink nodad; ip link set uplink up
	ip -n outside addr add 10.89.1.9/24 dev eth0; ip -n outside addr add fd00:89:1::9/64 dev eth0 nodad; ip -n outside link set eth0 up
	sysctl -qw net.ipv4.conf.all.rp_filter=1`

func newReachable(t *testing.T, kind string) reachable {
	t.Helper()
	n := node.New(t)
	if kind == "ipvlan" {
		needsDriver(t, n, kind)
	}
	r := reachable{n, n.Container(t, "outside"), kind}
	n.Exec(t, "sh", "-ec", hostUplink)
	place{n.Do}.serve(t, "host", "tcp", ":81")
	return r
}

// itsHost is the key in its forms, by kind.
var itsHost = map[string]string{
	"macvlan": `"hostInterface": true`,
	"ipvlan":  `"hostInterface": {"addresses": ["10.89.1.2", "fd00:89:1::2"]}`,
}

// call is one of network net{i}, all of which are on the uplink, for a container that has
// the address with that end.
func (n reachable) call(t *testing.T, name string, i int, keys string) (*node.Container, node.Call) {
	t.Helper()
	c := n.Container(t, name)
	config := fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "net%d", "type": %q, "master": "uplink", %s, "ipam": {"type": "static",
		"addresses": [{"address": "10.89.1.%d/24"}, {"address": "fd00:89:1::%d/64"}]}}`, i, n.kind, keys, 10+i, 10+i)
	return c, node.Call{Plugin: n.kind, Config: config, ContainerID: name, Netns: c.Path, IfName: "eth0"}
}

// reaches expects that the host gets answers of the container or not, and the container of
// the host.
func (n reachable) reaches(t *testing.T, when string, c *node.Container, i int, want bool) {
	t.Helper()
	answers := map[string]string{"tcp4": "", "tcp6": ""}
	if want {
		answers = map[string]string{"tcp4": "c 10.89.1.", "tcp6": "c f"}
	}
	expect(t, when, place{n.Do}, "tcp4", fmt.Sprintf("10.89.1.%d:80", 10+i), answers["tcp4"])
	expect(t, when, place{n.Do}, "tcp6", fmt.Sprintf("[fd00:89:1::%d]:80", 10+i), answers["tcp6"])
	own := map[string]string{"macvlan": "10.89.1.1:81", "ipvlan": "10.89.1.2:81"}[n.kind]
	answer := ""
	if want {
		answer = fmt.Sprint("host 10.89.1.", 10+i)
	}
	expect(t, when+", the other way", place{c.Do}, "tcp4", own, answer)
}

// isUndisturbed expects that others take the master for the owner of the host's address.
func (n reachable) isUndisturbed(t *testing.T, when string) {
	t.Helper()
	n.outside.Exec(t, "sh", "-ec", "ip neigh flush dev eth0; ping -qc2 -i0.2 -w5 10.89.1.1; ping -qc2 -i0.2 -w5 fd00:89:1::1")
	for _, address := range []string{"10.89.1.1", "fd00:89:1::1"} {
		if neighbour := n.outside.Exec(t, "ip", "neigh", "show", address); !strings.Contains(neighbour, "02:00:00:00:00:07") {
			t.Errorf("%s, outside knows the host as %s", when, neighbour)
		}
	}
}

// containersOf matches what changes with containers, the kernel's part of it later.
func containersOf() *regexp.Regexp {
	return regexp.MustCompile(`^(files|mounts): /run/netns/|^host links: uplink `)
}

func eachReachable(t *testing.T, test func(t *testing.T, n reachable)) {
	t.Parallel()
	for _, kind := range []string{"macvlan", "ipvlan"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, newReachable(t, kind))
		})
	}
}

// The host reaches containers of several networks on one master by an interface of its own,
// which is there from the first one's ADD to the last one's DEL.
func TestHostInterface(t *testing.T) {
	eachReachable(t, func(t *testing.T, n reachable) {
		zero, without := n.call(t, "without", 0, `"mtu": 0`)
		n.Must(t, "ADD", without)
		place{zero.Do}.serve(t, "c", "tcp", ":80")
		n.reaches(t, "without", zero, 0, false)
		before := n.State(t)
		one, first := n.call(t, "one", 1, itsHost[n.kind])
		two, second := n.call(t, "two", 2, itsHost[n.kind])
		calls := map[int]node.Call{}
		for i, c := range map[int]*node.Container{1: one, 2: two} {
			call := map[int]node.Call{1: first, 2: second}[i]
			calls[i] = call.With("prevResult", n.Must(t, "ADD", call)).With("strictCheck", []byte("true"))
			place{c.Do}.serve(t, "c", "tcp", ":80")
			n.reaches(t, "after ADD", c, i, true)
			n.isUndisturbed(t, "after ADD")
		}
		n.Must(t, "CHECK", calls[1])
		n.Must(t, "CHECK", calls[2])
		name := strings.TrimSpace(n.Exec(t, "sh", "-c", "ip -br link show group 4410954 | sed 's/@.*//'"))
		for damage, want := range map[string]string{
			"ip route del 10.89.1.11":       "interface " + name + " lacks route 10.89.1.11/32",
			"ip -6 route del fd00:89:1::11": "interface " + name + " lacks route fd00:89:1::11/128",
			// One that is missing the kernel may learn meanwhile, by itself.
			"ip neigh replace 10.89.1.11 lladdr 02:00:00:00:00:99 nud permanent dev " + name: "interface " + name + " lacks neighbour 10.89.1.11 with MAC address",
			"ip -6 addr flush dev " + name + "; ip link set down " + name:                    "interface " + name + " is down",
			"ip link del " + name: "interface " + name + " is missing",
		} {
			n.Exec(t, "sh", "-ec", damage)
			wantDifference(t, n.Node, calls[1], want)
			n.Must(t, "", node.Call{Plugin: n.kind, Command: "repair"})
			n.Must(t, "CHECK", calls[1])
			n.Must(t, "CHECK", calls[2])
			n.reaches(t, "repaired after "+damage, one, 1, true)
		}
		n.Must(t, "DEL", calls[1])
		n.reaches(t, "DEL of the other", two, 2, true)
		n.Must(t, "CHECK", calls[2])
		n.Must(t, "STATUS", calls[2])
		n.Must(t, "DEL", calls[2].With("hostInterface", nil))
		if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late(), containersOf()); diff != "" {
			t.Errorf("after DEL:\n%s", diff)
		}
	})
}

// Two networks on a master may have interfaces of the host of their own, and a network another one
// than before.
func TestHostInterfaceNames(t *testing.T) {
	eachReachable(t, func(t *testing.T, n reachable) {
		before := n.State(t)
		calls := map[int]node.Call{}
		for i, keys := range []string{`"hostInterface": {"name": "of0", "addresses": ["10.89.1.2", "fd00:89:1::2"]}`,
			`"hostInterface": {"name": "of1", "addresses": ["10.89.1.3", "fd00:89:1::3"]}`, itsHost["macvlan"]} {
			if i == 2 && n.kind == "ipvlan" {
				break
			}
			c, call := n.call(t, fmt.Sprint("c", i), i, keys)
			calls[i] = call.With("prevResult", n.Must(t, "ADD", call))
			place{c.Do}.serve(t, "c", "tcp", ":80")
			expect(t, keys, place{n.Do}, "tcp4", fmt.Sprintf("10.89.1.%d:80", 10+i), "c 10.89.1.")
			expect(t, keys, place{n.Do}, "tcp6", fmt.Sprintf("[fd00:89:1::%d]:80", 10+i), "c f")
		}
		n.isUndisturbed(t, "of several names")
		for _, call := range calls {
			n.Must(t, "CHECK", call)
		}
		for _, call := range calls {
			n.Must(t, "DEL", call.With("hostInterface", []byte(`{"name": "another"}`)))
		}
		if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late(), containersOf()); diff != "" {
			t.Errorf("after DEL:\n%s", diff)
		}
	})
}

// The master's address changes, as DHCP changes it. The kernel takes the routes with it, and repair
// makes them with the new one, also of the record of an earlier release.
func TestHostInterfaceRenumbered(t *testing.T) {
	t.Parallel()
	n := newReachable(t, "macvlan")
	before := n.State(t)
	calls := map[int]node.Call{}
	for i := range 2 {
		c, call := n.call(t, fmt.Sprint("c", i), i, itsHost["macvlan"])
		calls[i] = call.With("prevResult", n.Must(t, "ADD", call))
		place{c.Do}.serve(t, "c", "tcp", ":80")
	}
	repair := node.Call{Plugin: "macvlan", Command: "repair"}
	for _, step := range []struct{ change, source string }{
		{"ip addr del 10.89.1.1/24 dev uplink; ip addr add 10.1.1.1/24 dev uplink; ip addr add 10.89.1.5/24 dev uplink", "10.89.1.5"},
		{`sed -i 's/,"bits":[0-9]*//' /run/cni/hostlink/*/*; ip addr del 10.1.1.1/24 dev uplink; ip addr replace 10.89.1.6/25 dev uplink
			ip addr del 10.89.1.5/24 dev uplink`, "10.89.1.6"},
	} {
		n.Exec(t, "sh", "-ec", step.change)
		wantDifference(t, n.Node, calls[0], "lacks route 10.89.1.10/32")
		if out := n.Run(t, "", repair); out.Status != 0 || !strings.Contains(string(out.Stdout)+string(out.Stderr), "of attachments: 2") {
			t.Errorf("repair: %+v", out)
		}
		for i, call := range calls {
			n.Must(t, "CHECK", call)
			expect(t, step.change, place{n.Do}, "tcp4", fmt.Sprintf("10.89.1.%d:80", 10+i), "c "+step.source)
		}
		if out := n.Run(t, "", repair); out.Status != 0 || strings.Contains(string(out.Stdout)+string(out.Stderr), "of attachments") {
			t.Errorf("repair of nothing: %+v", out)
		}
	}
	n.Exec(t, "ip", "-4", "addr", "flush", "dev", "uplink")
	if out := n.Run(t, "", repair); out.Status == 0 || !strings.Contains(string(out.Stderr), "the host has no address") {
		t.Errorf("repair without an address: %+v", out)
	}
	n.Must(t, "DEL", calls[0])
	n.Exec(t, "ip", "addr", "add", "10.89.1.1/24", "dev", "uplink")
	n.Must(t, "DEL", calls[1])
	if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late(), containersOf()); diff != "" {
		t.Errorf("after DEL:\n%s", diff)
	}
}

// The master gets another name. Repair makes what is missing on it for containers from before, too.
func TestHostInterfaceMasterRenamed(t *testing.T) {
	eachReachable(t, func(t *testing.T, n reachable) {
		before := n.State(t)
		one, first := n.call(t, "one", 1, itsHost[n.kind])
		n.Must(t, "ADD", first)
		place{one.Do}.serve(t, "c", "tcp", ":80")
		n.Exec(t, "sh", "-ec", "ip link set uplink down; ip link set uplink name lan0; ip link set lan0 up; ip -6 addr replace fd00:89:1::1/64 dev lan0 nodad")
		repair := node.Call{Plugin: n.kind, Command: "repair"}
		n.Must(t, "", repair)
		n.reaches(t, "renamed", one, 1, true)
		n.Exec(t, "sh", "-ec", "ip link del $(ip -br link show group 4410954 | sed 's/@.*//')")
		n.Must(t, "", repair)
		n.reaches(t, "repaired", one, 1, true)
		n.Must(t, "DEL", first)
		n.Exec(t, "sh", "-ec", "ip link set lan0 down; ip link set lan0 name uplink; ip link set uplink up; ip -6 addr replace fd00:89:1::1/64 dev uplink nodad")
		if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late(), containersOf()); diff != "" {
			t.Errorf("after DEL:\n%s", diff)
		}
	})
}

// Whatever becomes of the namespace and of the network's name, the ways to the container go,
// and GC removes those of containers that nobody has.
func TestHostInterfaceGoes(t *testing.T) {
	eachReachable(t, func(t *testing.T, n reachable) {
		before := n.State(t)
		for name, del := range map[string]func(c *node.Container, call node.Call){
			"namespace": func(c *node.Container, call node.Call) { c.Remove(t); n.Must(t, "DEL", call) },
			"renamed": func(c *node.Container, call node.Call) {
				c.Remove(t)
				n.Must(t, "DEL", call.With("name", []byte(`"other"`)))
			},
			"master": func(_ *node.Container, call node.Call) { n.Must(t, "DEL", call.With("master", []byte(`"nothing"`))) },
			"gc": func(_ *node.Container, call node.Call) {
				n.Must(t, "GC", call.With("cni.dev/valid-attachments", []byte("[]")))
				n.Must(t, "DEL", call)
			},
			"repair": func(c *node.Container, call node.Call) {
				c.Exec(t, "ip", "link", "del", "eth0")
				n.Must(t, "", node.Call{Plugin: n.kind, Command: "repair"})
				n.Must(t, "DEL", call)
			},
			"downgrade": func(_ *node.Container, call node.Call) {
				out := n.Run(t, "", node.Call{Plugin: n.kind, Command: "downgrade"})
				if want := "the host does not reach it any longer\n"; out.Status != 0 || !strings.HasSuffix(string(out.Stderr), want) {
					t.Errorf("downgrade: status %v, stderr %q", out.Status, out.Stderr)
				}
				_, theirs := upstreams(t, call)
				n.Must(t, "DEL", theirs)
			},
		} {
			c, call := n.call(t, name, 3, itsHost[n.kind])
			n.Must(t, "ADD", call)
			del(c, call)
			if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late(), containersOf()); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		}
	})
}

// The address of a container that died without a DEL belongs to the next one that has it: the ways to
// that stay when the dead one's go, of an ipvlan too, which has the hardware address that all have.
func TestHostInterfaceInherited(t *testing.T) {
	eachReachable(t, func(t *testing.T, n reachable) {
		before := n.State(t)
		for how, end := range map[string]func(dead node.Call){
			"repair": func(node.Call) { n.Must(t, "", node.Call{Plugin: n.kind, Command: "repair"}) },
			"DEL":    func(dead node.Call) { n.Must(t, "DEL", dead) },
		} {
			c, dead := n.call(t, how, 1, itsHost[n.kind])
			n.Must(t, "ADD", dead)
			c.Remove(t)
			heir, call := n.call(t, how+"-heir", 1, itsHost[n.kind])
			call = call.With("prevResult", n.Must(t, "ADD", call))
			place{heir.Do}.serve(t, "c", "tcp", ":80")
			end(dead)
			n.Must(t, "CHECK", call)
			n.reaches(t, "after "+how, heir, 1, true)
			n.Must(t, "DEL", call)
			if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late(), containersOf()); diff != "" {
				t.Errorf("after %s and DEL:\n%s", how, diff)
			}
		}
	})
}

// A configuration that cannot be is told from one that cannot be just now, and neither
// changes anything.
func TestHostInterfaceErrors(t *testing.T) {
	eachReachable(t, func(t *testing.T, n reachable) {
		byDefault := owner.Name(15, "host-", n.kind+"/uplink")
		n.Exec(t, "ip", "link", "add", "taken", "type", "veth", "peer", "name", byDefault)
		n.Exec(t, "ip", "route", "add", "default", "via", "10.89.1.9")
		_, call := n.call(t, "c", 1, itsHost[n.kind])
		before := n.State(t)
		for name, test := range map[string]struct {
			call node.Call
			want string
		}{
			"taken":  {call.With("hostInterface", []byte(`{"name": "taken", "addresses": ["10.89.1.2", "fd00:89:1::2"]}`)), `interface "taken" is none that hostInterface made`},
			"no":     {call.With("hostInterface", []byte(`"no"`)), `hostInterface must be true, false or an object`},
			"name":   {call.With("hostInterface", []byte(`{"name": "a/b"}`)), `hostInterface: "a/b" is no name of an interface`},
			"inside": {call.With("linkInContainer", []byte("true")), "hostInterface needs a master of the host"},
			"closed": {call.With(map[string]string{"macvlan": "mode", "ipvlan": "flag"}[n.kind], []byte(`"private"`)), "hostInterface needs a mode or flag bridge"},
			"IPAM":   {call.With("ipam", nil), "hostInterface: the container has no addresses"},
		} {
			if err := n.Run(t, "ADD", test.call).Err(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: error %v, want %s", name, err, test.want)
			}
		}
		status := func(call node.Call, want string) {
			if err := n.Run(t, "STATUS", call).Err(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("STATUS: error %v, want %s", err, want)
			}
		}
		taken := call.With("hostInterface", []byte(`{"name": "taken"}`))
		status(taken, `"taken"`)
		status(taken.With("master", nil), `"taken"`)
		if n.kind == "macvlan" { // of which the master is that of the default route then
			status(call.With("master", nil), byDefault)
		}
		if n.kind == "ipvlan" {
			if err := n.Run(t, "ADD", call.With("hostInterface", []byte("true"))).Err(); err == nil || !strings.Contains(err.Error(), `give it one in "addresses"`) {
				t.Errorf("ipvlan without addresses: error %v", err)
			}
		}
		if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late(), containersOf()); diff != "" {
			t.Errorf("something changed:\n%s", diff)
		}
		n.Exec(t, "sh", "-ec", "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys")
		status(call.With("hostInterface", []byte(`{"name": "of0"}`)), `make "of0" answer for the containers alone`)
	})
}

// hostInterfaceSubject is macvlan with an interface of the host.
func hostInterfaceSubject() subject {
	return subject{
		plugin: "macvlan", variant: "host", ifName: "eth0", delegated: true,
		config: `{"name": "net", "type": "macvlan", "master": "uplink", ` + itsHost["macvlan"] + `, ` + dualStack + `}`,
		host: `ip link add uplink type veth peer name far; ip link set far addrgenmode none; ip link set uplink addrgenmode none
			ip link set far up; ip link set uplink up; ip addr add 10.1.2.1/24 dev uplink`,
		held: "^host links: uplink ", // is promiscuous
	}
}

// Without broadcasts it is the same.
func TestHostInterfaceRouted(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"l3", "l3s"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			n := newReachable(t, "ipvlan")
			c, call := n.call(t, "c", 1, itsHost["ipvlan"]+fmt.Sprintf(`, "mode": %q`, mode))
			n.Must(t, "CHECK", call.With("prevResult", n.Must(t, "ADD", call)))
			place{c.Do}.serve(t, "c", "tcp", ":80")
			n.reaches(t, mode, c, 1, true)
			n.Must(t, "DEL", call)
			n.reaches(t, "after DEL", c, 1, false)
		})
	}
}

// Fifty containers come and go at once.
func TestHostInterfaceParallel(t *testing.T) {
	t.Parallel()
	n := newReachable(t, "macvlan")
	before := n.State(t)
	var calls []node.Call
	for i := range 50 {
		_, call := n.call(t, fmt.Sprint("c", i), i+1, itsHost["macvlan"])
		calls = append(calls, call)
	}
	atOnce(t, n.Node, "ADD", calls)
	if links := n.Exec(t, "sh", "-c", "ip -o link show group 4410954 | wc -l; ip route show scope link | grep -c ' dev host-'"); links != "1\n50\n" {
		t.Errorf("interfaces of the host and routes: %s", links)
	}
	atOnce(t, n.Node, "DEL", calls)
	if diff := hoststate.Diff(before, n.State(t), node.Lasting(), late(), containersOf()); diff != "" {
		t.Errorf("after DEL:\n%s", diff)
	}
}

// What a killed ADD has made of the interface is completed by the next one, which is another
// container's, and what is for IPv6 comes with the first container that has it.
func TestHostInterfaceCompleted(t *testing.T) {
	n := newReachable(t, "macvlan")
	n.Exec(t, "sh", "-ec", `echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
		ip link add of0 link uplink group 4410954 type macvlan mode bridge`)
	parameter := func(name string) string {
		return strings.TrimSpace(n.Exec(t, "cat", "/proc/sys/net/"+name))
	}
	_, v4 := n.call(t, "v4", 1, `"hostInterface": {"name": "of0"}`)
	v4.Config = strings.Replace(v4.Config, `, {"address": "fd00:89:1::11/64"}`, "", 1)
	n.Must(t, "ADD", v4)
	if got := parameter("ipv4/conf/of0/arp_filter"); got != "1" {
		t.Errorf("arp_filter %s", got)
	}
	if got := parameter("ipv6/conf/of0/addr_gen_mode"); got != "1" {
		t.Errorf("addr_gen_mode %s", got)
	}
	c, both := n.call(t, "both", 2, `"hostInterface": {"name": "of0"}`)
	both = both.With("prevResult", n.Must(t, "ADD", both))
	place{c.Do}.serve(t, "c", "tcp", ":80")
	n.reaches(t, "of both families", c, 2, true)
	n.Must(t, "CHECK", both)
	n.Must(t, "DEL", both)
	n.Must(t, "DEL", v4)
	if out, err := n.Try("ip", "link", "show", "of0"); err == nil {
		t.Errorf("after DEL: %s", out)
	}
}
