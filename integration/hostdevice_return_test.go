package integration

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// A device comes back as it was, whatever the container did to it.
func TestHostDeviceComesBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ host, inside string }{
		"as it is":  {},
		"down":      {host: "ip link set nic-c down"},
		"no alias":  {host: `ip link set nic-c alias ""`},
		"addresses": {host: "ip addr add 10.9.0.2/24 dev nic-c; ip addr add 10.7.0.1 peer 10.7.0.2/32 dev nic-c label nic-c:7; ip addr add 10.6.0.1/32 dev nic-c scope link noprefixroute"},
		"routes":    {host: "ip route add default via 10.9.0.7 metric 9; ip route add 10.6.0.0/16 dev nic-c table 7 src 10.9.0.1 mtu 1300; ip route add 10.5.0.0/16 via 10.77.0.1 dev nic-c onlink"},
		"routes beside": {host: `ip link add other address 02:00:00:00:00:66 type veth peer name end address 02:00:00:00:00:67
			ip link set other up; ip link set end up; ip addr add 10.66.0.1/24 dev other
			ip route add default via 10.66.0.2 metric 9; ip route append default via 10.9.0.7 metric 9`},
		"bridge port":    {host: "ip link add br0 address 02:00:00:00:00:77 type bridge; ip link set nic-c master br0"},
		"renamed":        {inside: "ip link set eth0 down; ip link set eth0 name other"},
		"renamed, alias": {inside: `ip link set eth0 down; ip link set eth0 name other; ip link set other alias "mine"`},
		"own name":       {inside: `ip link set eth0 down; ip link set eth0 name nic-c; ip link set nic-c alias ""`},
		"MTU":            {inside: "ip link set eth0 mtu 1300"},
		"MAC":            {inside: "ip link set eth0 address 02:00:00:00:00:55"},
		"down inside":    {inside: "ip link set eth0 down"},
		"altname": {host: "ip link property add dev nic-c altname port-c", inside: `ip link property del dev eth0 altname port-c
			ip link property add dev eth0 altname nic-c altname peer-nic-c`},
		"altname taken":   {host: "ip link property add dev nic-c altname port-c", inside: "ip link set eth0 down; ip link set eth0 name x; ip link add nic-c type bridge; ip link add eth0 type bridge"},
		"flags":           {host: "ip link set nic-c promisc on allmulticast on arp off", inside: "ip link set eth0 promisc off allmulticast off multicast off arp on"},
		"no flags":        {inside: "ip link set eth0 promisc on allmulticast on multicast off arp off"},
		"group and queue": {host: "ip link set nic-c group 7 txqueuelen 77", inside: "ip link set eth0 group 8 txqueuelen 0"},
		"qdisc":           {host: "tc qdisc replace dev nic-c root pfifo_fast", inside: "tc qdisc replace dev eth0 root pfifo"},
		"no qdisc":        {inside: "tc qdisc replace dev eth0 root pfifo"},
		"enslaved":        {inside: "ip link add br0 type bridge; ip link set eth0 master br0"},
		"other index":     {host: "ip -n c link add dummy index $(cat /sys/class/net/nic-c/ifindex) type veth"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newLendable(t)
			n.Exec(t, "sh", "-ec", test.host)
			before := n.State(t)
			call := n.call(byName + `, "ipam": {"type": "static", "addresses": [{"address": "10.1.2.3/24"}]}`)
			call = call.With("prevResult", n.Must(t, "ADD", call))
			n.Must(t, "CHECK", call)
			n.container.Exec(t, "sh", "-ec", test.inside)
			n.Must(t, "DEL", call)
			n.Must(t, "DEL", call)
			if diff := hoststate.Diff(before, n.State(t), node.Lasting(), firstQdisc()); diff != "" {
				t.Errorf("after DEL:\n%s", diff)
			}
		})
	}
}

// A failed ADD gives the device back as it was.
func TestHostDeviceUndo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ keys, inside, wantError string }{
		"name taken":   {keys: byName, inside: "ip link add eth0 type veth", wantError: `failed to move "eth0" (host: "nic-c") to container NS: file exists`},
		"bad delegate": {keys: byName + `, "ipam": {"type": "static", "addresses": [{"address": "none"}]}`, wantError: ""},
		"no addresses": {keys: byName + `, "ipam": {"type": "static"}`, wantError: "IPAM plugin returned missing IP config"},
		"bad route": {keys: byName + `, "ipam": {"type": "static", "addresses": [{"address": "10.1.2.3/24"}], "routes": [{"dst": "10.7.0.0/16", "gw": "10.1.2.255"}]}`,
			wantError: "add route 10.7.0.0/16"},
		"loopback": {keys: `"device": "lo"`, wantError: `failed to move "eth0" (host: "lo") to container NS: move it to netns "/run/netns/c" as "eth0": invalid argument`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newLendable(t)
			n.container.Exec(t, "sh", "-ec", test.inside)
			before := n.State(t, n.container)
			if err := n.Run(t, "ADD", n.call(test.keys)).Err(); err == nil || !strings.Contains(err.Error(), test.wantError) {
				t.Errorf("got %v, want %s", err, test.wantError)
			}
			n.unchanged(t, before, "after the failure")
		})
	}
}

// The device does not take the place of another one: it waits in the container
// until its name is free.
func TestHostDeviceNameTaken(t *testing.T) {
	t.Parallel()
	n := newLendable(t)
	before := n.State(t, n.container)
	call := n.call(byName)
	n.Must(t, "ADD", call)
	n.Exec(t, "ip", "link", "add", "nic-c", "type", "veth")
	err := n.Run(t, "DEL", call).Err()
	if want := `failed to move "nic-c" to hostNS: file exists`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if link := n.container.Exec(t, "ip", "link", "show", "eth0"); !strings.Contains(link, "UP") {
		t.Errorf("in the container:\n%s", link)
	}
	n.Exec(t, "ip", "link", "del", "nic-c")
	n.Must(t, "DEL", call)
	n.unchanged(t, before, "after DEL")
}

// While a device is away another one may have its name, and be moved as well.
func TestHostDeviceSameName(t *testing.T) {
	t.Parallel()
	n := newLendable(t)
	second := lendable{n.Node, n.Container(t, "second")}.call(byName)
	before := n.State(t, n.container)
	first := n.call(byName)
	n.Must(t, "ADD", first)
	n.Exec(t, "ip", "link", "add", "nic-c", "type", "veth", "peer", "p0")
	second.ContainerID = "second"
	n.Must(t, "ADD", second)
	n.Must(t, "DEL", first)
	n.Exec(t, "sh", "-ec", "ip link set nic-c down; ip link set nic-c name other")
	n.Must(t, "DEL", second)
	n.Exec(t, "sh", "-ec", "ip link del nic-c; ip link set other name nic-c; ip link set nic-c up; ip route add 10.8.0.0/24 via 10.9.0.7")
	n.unchanged(t, before, "after DEL")
}

// Names of the host and of the container do not get in each other's way.
func TestHostDeviceCrossedNames(t *testing.T) {
	t.Parallel()
	n := newLendable(t)
	n.Exec(t, "sh", "-ec", "ip link set nic-c down; ip link set nic-c name eth0; ip link add net1 type veth")
	n.container.Exec(t, "ip", "link", "add", "eth0", "type", "veth")
	before := n.State(t, n.container)
	call := n.call(`"device": "eth0"`)
	call.IfName = "net1"
	call = call.With("prevResult", n.Must(t, "ADD", call))
	n.Must(t, "CHECK", call)
	n.Must(t, "DEL", call)
	n.unchanged(t, before, "after DEL")
}

// The path of a dead container's namespace may be another one's by the time of
// DEL, or the host's.
func TestHostDevicePathReused(t *testing.T) {
	t.Parallel()
	n := newLendable(t)
	first := n.call(byName)
	n.Must(t, "ADD", first)
	n.Must(t, "DEL", first)
	second := n.call(byName)
	second.ContainerID = "second"
	second = second.With("prevResult", n.Must(t, "ADD", second))
	n.Must(t, "DEL", first)
	n.Must(t, "CHECK", second)

	n.Exec(t, "sh", "-ec", "umount -l /run/netns/c; mount --bind /proc/self/ns/net /run/netns/c; ip link add eth0 alias uplink type veth")
	second.Netns = ""
	n.Must(t, "DEL", second)
	n.Exec(t, "ip", "link", "show", "eth0")
}

// What cannot be read, or is nobody's, is in nobody's way.
func TestHostDeviceBrokenRecord(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"empty": "", "no JSON": "{", "null": "null", "no device": "{}", "another's": `{"Network": "x", "device": {"name": "nic-c"}}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newLendable(t)
			n.Exec(t, "sh", "-ec", `ip link set nic-c down alias ""; ip address flush dev nic-c`)
			before := n.State(t)
			call := n.call(byName)
			n.Must(t, "ADD", call)
			n.Exec(t, "sh", "-ec", `for f in /run/cni/host-device/*; do printf %s "$0" >"$f"; done`, text)
			n.Must(t, "DEL", call)
			if diff := hoststate.Diff(before, n.State(t), node.Lasting(), firstQdisc(), regexp.MustCompile("^files: /run/cni/host-device/")); diff != "" {
				t.Errorf("after DEL:\n%s", diff)
			}
		})
	}
}

// What upstream's ADD moved, DEL brings back, and the other way round.
func TestHostDeviceInterop(t *testing.T) {
	eachWay(t, func(t *testing.T, sides func(node.Call) (adds, deletes node.Call)) {
		n := newLendable(t)
		n.Exec(t, "sh", "-ec", `ip link set nic-c down alias ""; ip address flush dev nic-c`)
		before := n.State(t, n.container)
		ours := n.call(byName + `, "ipam": {"type": "host-local", "subnet": "10.1.2.0/24"}`)
		adds, deletes := sides(ours)
		result := n.Must(t, "ADD", adds)
		n.Must(t, "CHECK", deletes.With("prevResult", result))
		n.Must(t, "DEL", deletes.With("prevResult", result))
		n.Must(t, "DEL", ours.With("prevResult", result)) // takes the record away
		n.unchanged(t, before, "after DEL")
	})
}

// Many devices at once, and then of one device only one container gets it.
func TestHostDeviceParallel(t *testing.T) {
	t.Parallel()
	const count = 50
	n := node.New(t)
	var (
		names      []string
		calls      []node.Call
		rivals     []node.Call
		containers []*node.Container
	)
	for i := range count {
		c := n.Container(t, fmt.Sprint("c", i))
		call := lendable{n, c}.call(fmt.Sprintf(`"device": "nic-c%d"`, i))
		call.ContainerID = fmt.Sprint("container-", i)
		names, calls, containers = append(names, fmt.Sprint("c", i)), append(calls, call), append(containers, c)
		rivals = append(rivals, call.With("device", []byte(`"nic-c0"`)))
	}
	n.Exec(t, "sh", "-ec", devices(names...))
	before := n.State(t, containers...)
	atOnce(t, n, "ADD", calls)
	atOnce(t, n, "DEL", calls)
	unchanged := func(when string) {
		t.Helper()
		expectRestored(t, n, before, when, containers...)
	}
	unchanged("after DEL")

	var (
		running sync.WaitGroup
		won     atomic.Int32
	)
	for _, call := range rivals {
		running.Go(func() {
			if n.Run(t, "ADD", call).Err() == nil {
				won.Add(1)
			}
		})
	}
	running.Wait()
	if won.Load() != 1 {
		t.Errorf("%d have the device, want 1", won.Load())
	}
	atOnce(t, n, "DEL", rivals)
	unchanged("after the rivals' DEL")
}
