package integration

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// wiring is a way to give a container the interface eth0.
type wiring struct {
	kind string
	// host is a shell command that makes the node's part, container one for the
	// container NAME, whose interface comes up without addresses.
	host, container string
	// far is the node's interface from which a container is reached.
	far string
	// ofHost says that far is in the result of the plugin before.
	ofHost bool
}

// The kernel gives links IPv6 routes, at any time; they are told not to want any.
const (
	upInside = `
		nsenter --net=/run/netns/NAME sh -ec 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip link set eth0 up'`
	uplink = `
		ip link add up0 mtu 9000 type veth peer name up1 mtu 9000
		echo 1 | tee /proc/sys/net/ipv6/conf/up0/disable_ipv6 >/proc/sys/net/ipv6/conf/up1/disable_ipv6
		ip link set up0 up
		ip link set up1 up`
	pair = `
		ip link add hNAME type veth peer name eth0 netns NAME
		echo 1 >/proc/sys/net/ipv6/conf/hNAME/disable_ipv6
		ip link set hNAME up`
)

func wirings() []wiring {
	return []wiring{
		{kind: "veth", container: pair + upInside, far: "hNAME", ofHost: true},
		{kind: "macvlan", host: uplink, far: "up1",
			container: `ip link add link up0 name eth0 netns NAME type macvlan mode bridge` + upInside},
		{kind: "ipvlan", host: uplink, far: "up1",
			container: `ip link add link up0 name eth0 netns NAME type ipvlan mode l2` + upInside},
		{kind: "vlan", host: uplink + `; ip link add link up1 name up1.5 type vlan id 5; ip link set up1.5 addrgenmode none; ip link set up1.5 up`, far: "up1.5",
			container: `ip link add link up0 name eth0 netns NAME type vlan id 5` + upInside},
		{kind: "host-device", container: pair + upInside, far: "hNAME"},
	}
}

// shapeable returns the wiring of a kind.
func shapeable(kind string) wiring {
	for _, w := range wirings() {
		if w.kind == kind {
			return w
		}
	}
	panic("no kind " + kind)
}

// needed skips the test on a kernel without the links.
func (w wiring) needed(t testing.TB, n *node.Node) {
	t.Helper()
	n.Container(t, "probe")
	script := strings.ReplaceAll(w.host+"\n"+w.container, "NAME", "probe")
	if n.Exec(t, "sh", "-c", "("+script+") >/dev/null 2>&1 || echo lacking") != "" {
		t.Skip("kernel lacks " + w.kind)
	}
}

// both are limits in both directions, as a runtime passes them.
const both = `{"ingressRate": 8000000, "ingressBurst": 800000, "egressRate": 16000000, "egressBurst": 1600000}`

// bandwidthSubject is bandwidth behind a plugin that makes interfaces of a kind.
func bandwidthSubject(kind string) subject {
	w := shapeable(kind)
	interfaces := `{"name": "eth0", "sandbox": "/run/netns/NAME"}`
	if w.ofHost {
		interfaces += `, {"name": "hNAME"}`
	}
	return subject{
		plugin:  "bandwidth",
		config:  fmt.Sprintf(`{"name": "net", "type": "bandwidth", "runtimeConfig": {"bandwidth": %s}}`, both),
		ifName:  "eth0",
		exact:   true,
		since:   "0.3.0",
		variant: kind,
		host:    "mkdir -p /run/cni/bandwidth\n" + w.host, // which stays
		wire:    w.container,
		held:    "^host links: up0 ", // is promiscuous while there is a macvlan
		prevResult: fmt.Sprintf(`{"cniVersion": "1.1.0", "interfaces": [%s],
			"ips": [{"address": "10.1.2.3/24", "interface": 0}, {"address": "fd00:1:2::3/64", "interface": 0}]}`, interfaces),
	}
}

// limited is a node with a container whose interface is of a kind.
type limited struct {
	*node.Node
	container *node.Container
	call      node.Call
}

func newLimited(t testing.TB, kind string) *limited {
	t.Helper()
	shapeable(kind).needed(t, node.New(t))
	s, n := bandwidthSubject(kind), node.New(t)
	s.prepare(t, n)
	c := s.container(t, n, "c")
	return &limited{n, c, s.call(latest, c.Path)}
}

// with returns the call with limits of the runtime, an object or null.
func (l *limited) with(limits string) node.Call {
	return l.call.With("runtimeConfig", []byte(`{"bandwidth": `+limits+`}`))
}

// shaping is what tc shows of the node's interfaces but for those without a limit,
// and with -n c of the container's.
func (l *limited) shaping(t *testing.T, options string, interfaces ...string) string {
	t.Helper()
	script := "tc " + options + " qdisc show | grep -v noqueue || true"
	for _, name := range interfaces {
		script += "\ntc " + options + " filter show dev " + name + " ingress"
	}
	out := regexp.MustCompile(` refcnt \d+`).ReplaceAllString(l.Exec(t, "sh", "-ec", script), "") // one for each queue
	return strings.ReplaceAll(out, "\t", " ")
}

// device is the name that upstream gives the device of the network "net" and the
// container "container".
const device = "bwpfe5df6e93339"

// What tc shows, for a veth on the host and else in the container, and nothing
// after DEL. The result tells of the device.
func TestBandwidthGolden(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ kind, options, dev, out, in string }{
		{"veth", "", "hc", "rate 8Mbit burst 100000b lat 25ms ", "rate 16Mbit burst 200000b lat 25ms "},
		{"host-device", "-n c", "eth0", "rate 16Mbit burst 200000b lat 25ms ", "rate 8Mbit burst 100000b lat 25ms "},
	} {
		t.Run(test.kind, func(t *testing.T) {
			t.Parallel()
			l := newLimited(t, test.kind)
			before := l.State(t, l.container)
			result := add(t, l.Node, l.call)
			want := fmt.Sprintf(`qdisc tbf 1: dev %[1]s root %[3]s
qdisc ingress ffff: dev %[1]s parent ffff:fff1 ---------------- 
qdisc tbf 1: dev %[2]s root %[4]s
filter protocol all pref 65535 u32 chain 0 
filter protocol all pref 65535 u32 chain 0 fh 800: ht divisor 1 
filter protocol all pref 65535 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 terminal flowid not_in_hw 
  match 00000000/00000000 at 0
 action order 1: mirred (Egress Redirect to device %[2]s) stolen
 index 1 ref 1 bind 1

`, test.dev, device, test.out, test.in)
			if diff := cmp.Diff(want, l.shaping(t, test.options, test.dev)); diff != "" {
				t.Errorf("after ADD (-want +got):\n%s", diff)
			}
			last := result.Interfaces[len(result.Interfaces)-1]
			inside := strings.Contains(test.options, "c")
			if last.Name != device || last.Mac == "" || (last.Sandbox != "") != inside {
				t.Errorf("last interface of the result: %v", last)
			}
			l.Must(t, "DEL", l.call)
			if left := l.shaping(t, test.options, test.dev); left != "" {
				t.Errorf("after DEL:\n%s", left)
			}
			if diff := hoststate.Diff(before, l.State(t, l.container)); diff != "" {
				t.Errorf("after DEL:\n%s", diff)
			}
		})
	}
}

// A repeated ADD replaces the limits, also by fewer and by none.
func TestBandwidthAgain(t *testing.T) {
	t.Parallel()
	const (
		otherBoth   = `{"ingressRate": 800, "ingressBurst": 80, "egressRate": 1600, "egressBurst": 160}`
		ingressOnly = `{"ingressRate": 8000, "ingressBurst": 80}`
		egressOnly  = `{"egressRate": 8000, "egressBurst": 80}`
		zero        = `{"ingressRate": 0, "ingressBurst": 0, "egressRate": 0, "egressBurst": 0}`
	)
	for _, kind := range []string{"veth", "host-device"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := newLimited(t, kind)
			before := l.State(t, l.container)
			for _, limits := range []string{both, otherBoth, ingressOnly, egressOnly, "null", zero} {
				l.Must(t, "DEL", l.call)
				call := l.with(limits)
				l.Must(t, "ADD", call)
				fresh := l.State(t, l.container)
				for _, earlier := range []string{both, ingressOnly, egressOnly} {
					l.Must(t, "ADD", l.with(earlier))
					result := l.Must(t, "ADD", call)
					if diff := hoststate.Diff(fresh, l.State(t, l.container), macs()); diff != "" {
						t.Errorf("%s after %s:\n%s", limits, earlier, diff)
					}
					l.Must(t, "CHECK", call.With("prevResult", result))
				}
			}
			if diff := hoststate.Diff(before, l.State(t, l.container)); diff != "" {
				t.Errorf("without limits:\n%s", diff)
			}
		})
	}
}

// macs matches links, whose address is another one each time they are made, and
// the index of an action, which is too.
func macs() *regexp.Regexp { return regexp.MustCompile(`^\S+ links: bwp|\tindex \d+ ref `) }

// CHECK tells each difference, all of them in one error.
func TestBandwidthCheck(t *testing.T) {
	t.Parallel()
	tbf := "qdisc replace dev %s root handle 1: tbf rate 8mbit burst 100000b latency 25ms"
	for _, test := range []struct{ name, change, want string }{
		{"nothing", "true", ""},
		{"no ingress limit", "tc qdisc del dev hc root", "interface hc has no qdisc tbf"},
		{"no egress limit", "tc qdisc del dev DEVICE root", "interface DEVICE has no qdisc tbf"},
		{"another rate", fmt.Sprintf("tc "+tbf, "DEVICE"), "interface DEVICE has rate in B/s 1000000, expected 2000000; " +
			"interface DEVICE has limit in B 125000, expected 250000"},
		{"another burst", "tc qdisc change dev hc root handle 1: tbf rate 8mbit burst 50000b limit 125000", "interface hc has burst in ns 50000000, expected 100000000"},
		{"another limit", "tc qdisc change dev hc root handle 1: tbf rate 8mbit burst 100000b limit 200000", "interface hc has limit in B 200000, expected 125000"},
		{"no filter", "tc filter del dev hc ingress", "interface hc has no filter that redirects to a device of the attachment"},
		{"another filter", "tc filter del dev hc ingress; tc filter add dev hc ingress protocol ip u32 match u32 0 0 action mirred egress redirect dev DEVICE",
			"interface hc has no filter that redirects to a device of the attachment"},
		{"mirror", "tc filter del dev hc ingress; tc filter add dev hc ingress protocol all u32 match u32 0 0 action mirred egress mirror dev DEVICE",
			"interface hc has no filter that redirects to a device of the attachment"},
		{"elsewhere", "ip link add other type ifb; tc filter del dev hc ingress; tc filter add dev hc ingress protocol all u32 match u32 0 0 action mirred egress redirect dev other",
			"interface hc has no filter that redirects to a device of the attachment"},
		{"no ingress qdisc", "tc qdisc del dev hc ingress", "interface hc has no filter that redirects to a device of the attachment"},
		{"no device", "ip link del DEVICE", "interface hc has no filter that redirects to a device of the attachment"},
		{"device down", "ip link set DEVICE down", "interface DEVICE is down"},
		{"nothing at all", "tc qdisc del dev hc root; tc qdisc del dev hc ingress; ip link del DEVICE",
			"interface hc has no qdisc tbf; interface hc has no filter that redirects to a device of the attachment"},
		{"no interface", "ip link del hc", "container interface eth0: Link not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLimited(t, "veth")
			call := l.call.With("prevResult", l.Must(t, "ADD", l.call))
			l.Exec(t, "sh", "-ec", strings.ReplaceAll(test.change, "DEVICE", device))
			want := strings.ReplaceAll(test.want, "DEVICE", device)
			err := l.Run(t, "CHECK", call).Err()
			if (err != nil || want != "") && (err == nil || err.Error() != want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			l.Must(t, "DEL", call)
		})
	}
}
