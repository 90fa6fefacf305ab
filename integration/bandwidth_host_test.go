package integration

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/owner"
)

// self is the attachment that the subjects' calls are about.
var self = owner.Attachment{Network: "net", ContainerID: "container", IfName: "eth0"}

// What others have on the interface before stays, and what they add comes to no
// harm.
func TestBandwidthCoexists(t *testing.T) {
	t.Parallel()
	const (
		foreign = "; tc filter add dev hc ingress protocol ip pref %d u32 match ip dst 203.0.113.1 flowid 1:7"
		egress  = "; tc filter add dev hc egress protocol ip pref 3 u32 match ip dst 203.0.113.1 flowid 1:7"
	)
	for _, test := range []struct{ name, before, meanwhile, after string }{
		{"clsact", "tc qdisc add dev hc clsact", "", ""},
		{"clsact with filters", "tc qdisc add dev hc clsact" + fmt.Sprintf(foreign, 5) + egress, "", ""},
		{"ingress", "tc qdisc add dev hc ingress", "", ""},
		{"ingress with a filter", "tc qdisc add dev hc ingress" + fmt.Sprintf(foreign, 5), "", ""},
		{"last priority", "tc qdisc add dev hc ingress" + fmt.Sprintf(foreign, 65535), "", ""},
		{"a filter later", "true", "true" + fmt.Sprintf(foreign, 5), "tc qdisc add dev hc ingress" + fmt.Sprintf(foreign, 5)},
		{"clsact later", "true", "tc qdisc del dev hc ingress; tc qdisc add dev hc clsact", "tc qdisc add dev hc clsact"},
		{"a root qdisc later", "true", "tc qdisc replace dev hc root handle 7: htb", "tc qdisc replace dev hc root handle 7: htb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLimited(t, "veth")
			l.Exec(t, "sh", "-ec", test.before)
			before := l.State(t)
			ignore := regexp.MustCompile("^host links: ")
			call := l.call.With("prevResult", l.Must(t, "ADD", l.call))
			l.Must(t, "CHECK", call)
			l.Must(t, "ADD", l.call)
			l.Must(t, "CHECK", call)
			if test.meanwhile != "" {
				l.Exec(t, "sh", "-ec", test.meanwhile)
				other := newLimited(t, "veth")
				other.Exec(t, "sh", "-ec", test.after)
				before = other.State(t)
				ignore = regexp.MustCompile("^host links: | fh 80")
			}
			l.Must(t, "DEL", call)
			if diff := hoststate.Diff(before, l.State(t), ignore); diff != "" {
				t.Errorf("after DEL:\n%s", diff)
			}
		})
	}
}

// A filter that keeps something out is asked first.
func TestBandwidthKeepsPolicy(t *testing.T) {
	t.Parallel()
	l := newLimited(t, "veth")
	l.connect(t, "veth", 1500)
	reach := func(what string, want bool) {
		t.Helper()
		if got := reaches(t, l.container, "10.1.2.1"); got != want {
			t.Errorf("%s: the container reaches the host: %v, want %v", what, got, want)
		}
	}
	l.Exec(t, "sh", "-ec", `ip link add sink type ifb; tc qdisc add dev hc clsact
		tc filter add dev hc ingress protocol ip u32 match ip protocol 1 0xff action mirred egress redirect dev sink`)
	reach("before ADD", false)
	l.Must(t, "ADD", l.call)
	reach("after ADD", false)
	l.Exec(t, "tc", "filter", "del", "dev", "hc", "ingress", "pref", "49152")
	reach("without the filter", true)
	l.Must(t, "DEL", l.call)
	reach("after DEL", true)
}

// ADD that cannot succeed says why and leaves all as it was.
func TestBandwidthErrors(t *testing.T) {
	t.Parallel()
	result := func(interfaces string) string {
		return `{"cniVersion": "1.1.0", "interfaces": [` + interfaces + `], "ips": []}`
	}
	own := self.DeviceName(15, "bwp", 0)
	inside := `{"name": "eth0", "sandbox": "/run/netns/c"}`
	for _, test := range []struct{ name, kind, before, result, want string }{
		{"no interfaces", "veth", "", result(""), "no interfaces provided"},
		{"peer not listed", "veth", "", result(inside + `, {"name": "elsewhere"}`), "no veth peer of container interface found in host ns"},
		{"peer in a third namespace", "veth", "ip netns add third; ip link set hc netns third", "", `veth peer with index \d+ is not in host ns`},
		{"no interface", "veth", "ip link del hc", "", "container interface eth0: Link not found"},
		{"no namespace", "veth", "mount --bind /etc/hostname /run/netns/c", "", `failed to open netns "/run/netns/c": unknown FS magic .*`},
		{"root qdisc of others", "veth", "tc qdisc add dev hc root handle 7: htb", "", `create qdisc of "hc": file exists`},
		{"names of the device taken", "veth", "ip link add " + device + " type veth peer name " + own, "", `make interface "` + own + `": file exists`},
		{"ipvlan in mode l3s", "ipvlan", "ip -n c link del eth0; ip link add link up0 name eth0 netns c type ipvlan mode l3s", "",
			"what interface eth0, an ipvlan in mode l3s, receives passes no qdisc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLimited(t, test.kind)
			l.Exec(t, "sh", "-ec", test.before+"\ntrue")
			call := l.call
			if test.result != "" {
				call = call.With("prevResult", []byte(test.result))
			}
			before := l.State(t)
			err := l.Run(t, "ADD", call).Err()
			if err == nil || !regexp.MustCompile("^"+test.want+"$").MatchString(err.Error()) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			l.Must(t, "DEL", call)
			if diff := hoststate.Diff(before, l.State(t)); diff != "" {
				t.Errorf("after ADD and DEL:\n%s", diff)
			}
		})
	}
}

// Two interfaces of one container in one network have a device each.
func TestBandwidthTwoInterfaces(t *testing.T) {
	t.Parallel()
	l := newLimited(t, "veth")
	before := l.State(t)
	l.Exec(t, "sh", "-ec", `ip link add hd type veth peer name eth1 netns c
		echo 1 >/proc/sys/net/ipv6/conf/hd/disable_ipv6; ip link set hd up`)
	second := l.call.With("prevResult", []byte(`{"cniVersion": "1.1.0", "interfaces": [{"name": "hd"}, {"name": "eth1", "sandbox": "/run/netns/c"}], "ips": []}`))
	second.IfName = "eth1"
	calls := []node.Call{l.call, second}
	for first := range calls {
		one, other := calls[first], calls[1-first]
		alone := l.State(t)
		l.Must(t, "ADD", one)
		with := l.State(t)
		names := []string{device}
		for _, i := range add(t, l.Node, other).Interfaces {
			names = append(names, i.Name)
		}
		if names[len(names)-1] == device {
			t.Error("both have the same device")
		}
		l.Must(t, "CHECK", one)
		l.Must(t, "CHECK", other)
		l.Must(t, "DEL", other)
		if diff := hoststate.Diff(with, l.State(t)); diff != "" {
			t.Errorf("DEL of %s changes more than its own:\n%s", other.IfName, diff)
		}
		l.Must(t, "ADD", other)
		l.Must(t, "DEL", one)
		l.Must(t, "CHECK", other)
		l.Must(t, "DEL", other)
		if diff := hoststate.Diff(alone, l.State(t)); diff != "" {
			t.Errorf("left behind:\n%s", diff)
		}
	}
	l.Exec(t, "ip", "link", "del", "hd")
	if diff := hoststate.Diff(before, l.State(t)); diff != "" {
		t.Errorf("left behind:\n%s", diff)
	}
}

// What limits in one direction need is found as well, whatever the runtime has
// lost: a chain of which the first plugin is ours.
func TestBandwidthChain(t *testing.T) {
	t.Parallel()
	for _, limits := range []string{
		`{"ingressRate": 8000000, "ingressBurst": 800000}`, `{"egressRate": 8000000, "egressBurst": 800000}`, both,
	} {
		for name, lose := range lost() {
			t.Run(name+" "+limits, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				n.Exec(t, "sh", "-ec", "touch /run/netns/plain; mkdir -p /run/cni/bandwidth")
				c := n.Container(t, "c")
				pair := subjects[0].call(latest, c.Path)
				result := n.Must(t, "ADD", pair)
				before := n.State(t, c)
				call := bandwidthSubject("veth").call(latest, c.Path).With("runtimeConfig", []byte(`{"bandwidth": `+limits+`}`))
				call = call.With("prevResult", result)
				l := limited{n, c, call}
				result = n.Must(t, "ADD", call)
				n.Must(t, "CHECK", call.With("prevResult", result))
				if l.shaping(t, "") == "" {
					t.Error("nothing is limited")
				}
				call = lose(call.With("prevResult", result))
				if name != "no prevResult" {
					call = lose(call.With("runtimeConfig", nil))
				}
				if strings.HasPrefix(name, "netns") {
					n.Must(t, "DEL", call.With("prevResult", nil))
				}
				n.Must(t, "DEL", call)
				if diff := hoststate.Diff(before, n.State(t, c), late()); diff != "" {
					t.Errorf("after DEL:\n%s", diff)
				}
			})
		}
	}
}

// The path of a dead container's namespace may lead to another one's by now.
func TestBandwidthReusedNetns(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := n.Container(t, "c")
	result := n.Must(t, "ADD", subjects[0].call(latest, c.Path))
	for _, limits := range []string{both, `{"ingressRate": 8000000, "ingressBurst": 800000}`} {
		call := bandwidthSubject("veth").call(latest, c.Path).With("prevResult", result).With("runtimeConfig", []byte(`{"bandwidth": `+limits+`}`))
		n.Must(t, "ADD", call)
		before := n.State(t, c)
		dead := call.With("prevResult", nil)
		dead.ContainerID = "dead"
		n.Must(t, "DEL", dead)
		if diff := hoststate.Diff(before, n.State(t, c), late()); diff != "" {
			t.Errorf("DEL of another container:\n%s", diff)
		}
		n.Must(t, "DEL", call)
	}
}

// GC removes what attachments of the network have left: devices whose veth is gone
// or there, a limit that needs no device. Of upstream's devices, which bear no
// name, it takes those that nobody uses.
func TestBandwidthGC(t *testing.T) {
	t.Parallel()
	l := newLimited(t, "veth")
	gc := func(valid string) {
		t.Helper()
		config := l.call.With("prevResult", nil).With("cni.dev/valid-attachments", []byte("["+valid+"]")).Config
		l.Must(t, "GC", node.Call{Plugin: "bandwidth", Config: config})
	}
	compare := func(what string, want hoststate.State) {
		t.Helper()
		if diff := hoststate.Diff(want, l.State(t)); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	const valid = `{"containerID": "container", "ifname": "eth0"}`
	before := l.State(t)
	l.Must(t, "ADD", l.call)
	shaped := l.State(t)
	gc(valid)
	compare("GC takes what is valid", shaped)
	gc(`{"containerID": "container", "ifname": "eth1"}`)
	compare("GC leaves something", before)

	l.Exec(t, "ip", "link", "set", "hc", "alias", self.Tag())
	tagged := l.State(t)
	l.Must(t, "ADD", l.with(`{"ingressRate": 8000000, "ingressBurst": 800000}`))
	gc("")
	compare("GC leaves a limit without a device", tagged)

	l.Must(t, "ADD", l.call)
	l.Exec(t, "ip", "link", "del", "hc")
	l.Exec(t, "sh", "-ec", `for name in bwp111111111111 bwp222222222222 bwp333333333333 bwp444 bwp55555555555z; do
		ip link add $name type ifb; ip link set $name addrgenmode none up; done
		ip link set bwp333333333333 down
		ip link add h2 type veth peer name p2
		tc qdisc add dev h2 ingress
		tc filter add dev h2 parent ffff: protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev bwp222222222222`)
	gc("")
	var left []string
	for _, line := range strings.Split(l.Exec(t, "ip", "-br", "link", "show", "type", "ifb"), "\n") {
		name, _, _ := strings.Cut(line, " ")
		left = append(left, name)
	}
	if diff := cmp.Diff([]string{"bwp222222222222", "bwp333333333333", "bwp444", "bwp55555555555z", ""}, left); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}

// Each side knows what the other one made.
func TestBandwidthInterop(t *testing.T) {
	t.Parallel()
	l := newLimited(t, "veth")
	before := l.State(t)
	same := func(what string, want hoststate.State) {
		t.Helper()
		if diff := hoststate.Diff(want, l.State(t), macs(), late()); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	call := l.call.With("prevResult", l.Must(t, "ADD", l.call))
	ours := l.State(t)
	upstream(t, l.Node, "CHECK", call)
	upstream(t, l.Node, "DEL", call)
	l.Must(t, "DEL", call)
	same("upstream's DEL and ours leave", before)

	upstream(t, l.Node, "ADD", l.call)
	l.Must(t, "CHECK", call)
	l.Must(t, "DEL", call.With("prevResult", nil).With("runtimeConfig", nil))
	same("our DEL leaves", before)

	upstream(t, l.Node, "ADD", l.call)
	l.Must(t, "ADD", l.call)
	same("our ADD after upstream's", ours)
	l.Must(t, "DEL", call)

	upstream(t, l.Node, "ADD", l.call)
	upstream(t, l.Node, "DEL", call)
	l.Must(t, "ADD", l.call)
	same("our ADD after upstream's DEL", ours)
	l.Must(t, "DEL", call)
	same("our DEL leaves", before)

	// Upstream's device is that of one interface, which DEL of another one spares.
	l.Exec(t, "sh", "-ec", "ip link add hd type veth peer name eth1 netns c; ip link set hd up")
	upstream(t, l.Node, "ADD", l.call)
	theirs := l.State(t)
	second := l.call.With("prevResult", []byte(`{"cniVersion": "1.1.0", "interfaces": [{"name": "hd"}, {"name": "eth1", "sandbox": "/run/netns/c"}], "ips": []}`))
	second.IfName = "eth1"
	l.Must(t, "DEL", second)
	same("DEL of a second interface", theirs)
	l.Must(t, "ADD", second)
	l.Must(t, "CHECK", second)
	l.Must(t, "CHECK", call)
	l.Must(t, "DEL", second)
	same("ADD and DEL of a second interface", theirs)
}

// Bursts of the size that runtimes pass for "any" are too large for the kernel, and
// each side has its own way to cut them. What is there is the runtime's limit, or it
// is not, whoever made it.
func TestBandwidthLargeBurst(t *testing.T) {
	t.Parallel()
	const kubelet, containerd, crio = 1<<31 - 1, 1<<32 - 1, 1<<35 - 9
	limits := func(rate, burst int) string {
		return fmt.Sprintf(`{"ingressRate": %[1]d, "ingressBurst": %[2]d, "egressRate": %[1]d, "egressBurst": %[2]d}`, rate, burst)
	}
	for name, burst := range map[string]int{"small": 8072, "large": 8_080_800, "kubelet": kubelet, "containerd": containerd, "CRI-O": crio} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLimited(t, "veth")
			for _, rate := range []int{8000, 1_000_000, 8_000_000, 8_072_008, 10_000_000, 33_333_333, 1_000_000_000, 10_000_000_000, 100_000_000_000} {
				if burst/8*1_000_000 < rate/8 {
					continue // less than a microsecond, which upstream cannot do
				}
				call := l.with(limits(rate, burst))
				other := l.with(limits(rate+8000, burst))
				for _, add := range []func(){
					func() { upstream(t, l.Node, "ADD", call) },
					func() { l.Must(t, "ADD", call) },
				} {
					add()
					l.Must(t, "CHECK", call)
					if l.Run(t, "CHECK", other).Err() == nil {
						t.Errorf("CHECK takes %d bit/s for %d", rate, rate+8000)
					}
				}
				l.Must(t, "DEL", call)
			}
		})
	}
}
