package integration

import (
	stdcmp "cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// tunedLink is a shell command that makes an interface to be tuned.
const tunedLink = "ip link add eth0 address 02:00:00:00:00:01 txqueuelen 1000 type veth peer name other address 02:00:00:00:00:02"

// tuningSubject tunes the interface and the container as a router.
func tuningSubject() subject {
	return subject{
		plugin: "tuning",
		config: `{"name": "net", "type": "tuning", "mac": "02:00:00:00:00:0A", "promisc": true, "mtu": 1454, "allmulti": true, "txQLen": 200,
			"offloads": {"tso": false, "gro": true},
			"sysctl": {"net.ipv4.conf.IFNAME.proxy_arp": "1", "net/ipv6/conf/all/forwarding": "1", "net.ipv4.ip_forward": "1"}}`,
		ifName:     "eth0",
		exact:      true,
		host:       tunedLink,
		inside:     tunedLink,
		prevResult: `{"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/c"}], "ips": [{"address": "10.1.2.3/24", "interface": 0}]}`,
	}
}

// tuningCall is a call for eth0 of a container with the given keys.
func tuningCall(c *node.Container, keys string) node.Call {
	return node.Call{
		Plugin: "tuning",
		Config: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": "tune", "type": "tuning", %s, "prevResult":
			{"cniVersion": "1.1.0", "interfaces": [{"name": "br0"}, {"name": "eth0", "sandbox": %q}]}}`, keys, c.Path),
		ContainerID: "cid", Netns: c.Path, IfName: "eth0",
	}
}

// tunable makes a container with eth0.
func tunable(t *testing.T, n *node.Node, name string) *node.Container {
	t.Helper()
	c := n.Container(t, name)
	c.Exec(t, "sh", "-ec", tunedLink)
	return c
}

const tuningKeys = `"mac": "02:00:00:00:00:0A", "promisc": true, "mtu": 1454, "allmulti": true, "txQLen": 200,
	"sysctl": {"net.ipv4.ip_forward": "1"}, "offloads": {"tso": false}`

// All that an ADD changes, and its result.
func TestTuningGolden(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := tunable(t, n, "c")
	before := n.State(t, c)
	call := tuningCall(c, tuningKeys)
	result := n.Must(t, "ADD", call)
	const wantResult = `{
    "cniVersion": "1.1.0",
    "interfaces": [
        {
            "name": "br0"
        },
        {
            "mac": "02:00:00:00:00:0A",
            "mtu": 1454,
            "name": "eth0",
            "sandbox": "/run/netns/c"
        }
    ]
}`
	if string(result) != wantResult {
		t.Errorf("result:\n%s", result)
	}
	diff := hoststate.Diff(before, n.State(t, c))
	// What kernels can do besides differs.
	diff = regexp.MustCompile(` off:.*`).ReplaceAllStringFunc(diff, func(off string) string {
		return fmt.Sprintf(" off: TSO %v", strings.Contains(off, " tx-tcp-segmentation"))
	})
	diff = regexp.MustCompile(`\d+ bytes, sha256 [0-9a-f]+`).ReplaceAllString(diff, "text")
	const want = `- c features: eth0 off: TSO false
+ c features: eth0 off: TSO true
- c links: eth0 veth down master - mtu 1500 txqueuelen 1000 mac 02:00:00:00:00:01 promisc 0 allmulti false alias ""
+ c links: eth0 veth down master - mtu 1454 txqueuelen 200 mac 02:00:00:00:00:0a promisc 1 allmulti true alias ""
- c sysctls: net/ipv4/ip_forward = 0
+ c sysctls: net/ipv4/ip_forward = 1
+ files: /run/cni drwxr-xr-x
+ files: /run/cni/tuning drwxr-xr-x
+ files: /run/cni/tuning/7a143eb3f18214d8-f67e6d6b66294011.record -rw------- text
+ files: /run/cni/tuning/cid_eth0.json -rw------- text
`
	if d := cmp.Diff(want, diff); d != "" {
		t.Error(d)
	}
	if have := n.Exec(t, "cat", "/run/cni/tuning/cid_eth0.json"); have != "{\n \"mac\": \"02:00:00:00:00:01\",\n \"promisc\": false,\n \"mtu\": 1500,\n \"allmulti\": false,\n \"txQLen\": 1000\n}" {
		t.Errorf("backup in upstream's form:\n%s", have)
	}
	n.Must(t, "CHECK", call.With("prevResult", result))
	for range 2 {
		n.Must(t, "DEL", call)
		expectRestored(t, n, before, "after DEL", c)
	}
}

// A result of a version without it has no MTU.
func TestTuningOldResult(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	call := tuningCall(tunable(t, n, "c"), `"mtu": 1454`)
	call.Config = strings.ReplaceAll(call.Config, "1.1.0", "1.0.0")
	if result := n.Must(t, "ADD", call); strings.Contains(string(result), "mtu") {
		t.Errorf("result of 1.0.0:\n%s", result)
	}
}

// However often ADD runs, DEL puts back what was before the first one. One that
// fails leaves what the last one made.
func TestTuningRepeated(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := tunable(t, n, "c")
	before := n.State(t, c)
	n.Must(t, "ADD", tuningCall(c, `"mtu": 1300, "sysctl": {"net.ipv4.ip_forward": "1"}`))
	call := tuningCall(c, tuningKeys)
	n.Must(t, "ADD", call)
	second := n.State(t, c)
	for keys, want := range map[string]string{
		`"mac": "02:00:00:00:00:0B", "promisc": true, "mtu": 1, "offloads": {"tso": false}`:             "set MTU of \"eth0\" to 1: invalid argument",
		`"sysctl": {"net.ipv4.ip_forward": "0", "net.ipv4.no_such": "1"}`:                               "open /proc/sys/net/ipv4/no_such: no such file or directory",
		`"sysctl": {"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "no"}`:                  "write /proc/sys/net/ipv6/conf/all/forwarding: invalid argument",
		`"sysctl": {"net.ipv4.ip_forward": "0"}, "offloads": {"tso": false, "no-such-feature": true}`:   "interface eth0 has offload no-such-feature off, expected on",
		`"mac": "01:00:00:00:00:0B", "sysctl": {"net.ipv4.ip_forward": "0"}, "offloads": {"tso": true}`: "set MAC address of \"eth0\" to 01:00:00:00:00:0b: cannot assign requested address",
	} {
		if err := n.Run(t, "ADD", tuningCall(c, keys)).Err(); !node.IsError(err) || err.Error() != want {
			t.Errorf("%s: got %v, want %s", keys, err, want)
		}
		if diff := hoststate.Diff(second, n.State(t, c)); diff != "" {
			t.Errorf("after a failed ADD with %s:\n%s", keys, diff)
		}
	}
	n.Must(t, "CHECK", call)
	n.Must(t, "ADD", call)
	n.Must(t, "DEL", call)
	expectRestored(t, n, before, "after DEL", c)
}

// Whichever of a container's networks goes first, the others keep their sysctls, and in the
// end all is as before.
func TestTuningSeveralNetworks(t *testing.T) {
	t.Parallel()
	for i, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {0, 2, 1}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}, {0, 1, 2}} {
		vanish := i > 4
		n := node.New(t)
		c := tunable(t, n, "c")
		// Indexes need not rise: the kernel takes those of devices that come from elsewhere.
		c.Exec(t, "sh", "-ec", "ip link add net1 index 900 type veth peer name p1; ip link add net2 index 800 type veth peer name p2")
		before, was := n.State(t, c), c.Exec(t, "sysctl", "-n", "net.core.somaxconn")
		var calls []node.Call
		values := []string{"500", "500", "600"}
		for i, value := range values {
			call := tuningCall(c, fmt.Sprintf(`"sysctl": {"net.core.somaxconn": %q, "net.ipv4.conf.IFNAME.proxy_arp": "1"}`, value)).With("name", fmt.Appendf(nil, `"net%d"`, i))
			call.IfName = []string{"eth0", "net1", "net2"}[i]
			n.Must(t, "ADD", call)
			calls = append(calls, call)
		}
		n.Exec(t, "mkfifo", "/run/cni/tuning/unreadable.record") // of somebody else's, which is no reason to fail
		there := map[int]bool{0: true, 1: true, 2: true}
		for _, i := range order {
			if vanish {
				c.Exec(t, "ip", "link", "del", calls[i].IfName)
			}
			n.Must(t, "DEL", calls[i])
			delete(there, i)
			if len(there) == 0 {
				break
			}
			last := slices.Max(slices.Collect(maps.Keys(there)))
			if have := c.Exec(t, "sysctl", "-n", "net.core.somaxconn"); have != values[last]+"\n" {
				t.Errorf("%v, without %d: %s", order, i, have)
			}
		}
		n.Exec(t, "rm", "/run/cni/tuning/unreadable.record")
		if vanish {
			if have := c.Exec(t, "sysctl", "-n", "net.core.somaxconn"); have != was {
				t.Errorf("%v, without all: %s", order, have)
			}
			continue
		}
		expectRestored(t, n, before, fmt.Sprint(order), c)
	}
}

// A backup is of one interface of one namespace: not of what has the container's
// name, or the namespace's path, after that.
func TestTuningLeftBackup(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	died := tunable(t, n, "c")
	died.Exec(t, "ip", "link", "set", "eth0", "address", "02:00:00:00:00:09", "mtu", "1200")
	call := tuningCall(died, tuningKeys)
	n.Must(t, "ADD", call)
	died.Remove(t)
	c := tunable(t, n, "c")
	before := n.State(t, c)
	stranger := call
	stranger.ContainerID = "stranger"
	n.Must(t, "ADD", stranger)
	tuned := n.State(t, c)
	n.Must(t, "DEL", call) // of the one that died, with the path of the new one
	if diff := hoststate.Diff(tuned, n.State(t, c), regexp.MustCompile(`^files: /run/cni/tuning/(cid_eth0\.json|7a143eb3f18214d8-f67e6d6b66294011\.record) `)); diff != "" {
		t.Errorf("DEL of a container that is gone:\n%s", diff)
	}
	n.Must(t, "DEL", stranger)
	if diff := hoststate.Diff(before, n.State(t, c), regexp.MustCompile(`^files: `)); diff != "" {
		t.Errorf("after DEL:\n%s", diff)
	}

	// The same container again, its DEL having been lost.
	n.Must(t, "ADD", call)
	c.Remove(t)
	c = tunable(t, n, "c")
	before = n.State(t, c)
	n.Must(t, "ADD", call)
	n.Must(t, "DEL", call)
	if diff := hoststate.Diff(before, n.State(t, c), regexp.MustCompile(`^files: `)); diff != "" {
		t.Errorf("after DEL:\n%s", diff)
	}
	if left := n.Exec(t, "ls", "/run/cni/tuning"); left != "" {
		t.Errorf("left: %s", left)
	}
}

// An interface that another one has replaced is not what the backup is of, but the
// sysctls of the namespace are.
func TestTuningReplacedInterface(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := tunable(t, n, "c")
	call := tuningCall(c, tuningKeys)
	n.Must(t, "ADD", call)
	c.Exec(t, "sh", "-ec", "ip link del eth0; ip link add eth0 mtu 1300 type veth peer name other")
	n.Must(t, "DEL", call)
	if links := c.Exec(t, "ip", "link", "show", "eth0"); !strings.Contains(links, "mtu 1300 ") {
		t.Errorf("after DEL:\n%s", links)
	}
	if value := c.Exec(t, "cat", "/proc/sys/net/ipv4/ip_forward"); value != "0\n" {
		t.Errorf("ip_forward is %s", value)
	}
	n.Must(t, "ADD", call)
	c.Exec(t, "ip", "link", "del", "eth0")
	n.Must(t, "DEL", call)
	if left := n.Exec(t, "ls", "/run/cni/tuning"); left != "" {
		t.Errorf("left: %s", left)
	}
}

// Upstream's plugin puts back what ours recorded, and the other way round.
func TestTuningDebian(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := tunable(t, n, "c")
	// 1.1.1 knows neither txQLen nor offloads, and leaves sysctls as they are.
	call, theirCall := upstreams(t, tuningCall(c, `"mac": "02:00:00:00:00:0a", "promisc": true, "mtu": 1454, "allmulti": true, "sysctl": {"net.ipv4.conf.eth0.proxy_arp": "1"}`))
	before := n.State(t, c)
	const backup = "/run/cni/tuning/cid_eth0.json"

	theirs := n.Must(t, "ADD", theirCall)
	tuned, recorded := n.State(t, c), n.Exec(t, "cat", backup)
	n.Must(t, "CHECK", call.With("prevResult", theirs))
	n.Must(t, "ADD", call.With("mtu", []byte("1400"))) // keeps what upstream has recorded
	n.Must(t, "DEL", call)
	expectRestored(t, n, before, "after our DEL of upstream's", c)

	c.Exec(t, "sh", "-c", "echo 0 >/proc/sys/net/ipv4/conf/eth0/proxy_arp") // upstream's ADD has set it for good
	ours := n.Must(t, "ADD", call)
	if diff := hoststate.Diff(tuned, n.State(t, c), regexp.MustCompile(`^files: /run/cni/tuning/.*\.record `)); diff != "" {
		t.Errorf("our ADD and upstream's:\n%s", diff)
	}
	if have := n.Exec(t, "cat", backup); have != recorded {
		t.Errorf("our backup:\n%s\nupstream's:\n%s", have, recorded)
	}
	var resultOfOurs, resultOfTheirs any
	if json.Unmarshal(ours, &resultOfOurs) != nil || json.Unmarshal(theirs, &resultOfTheirs) != nil || !cmp.Equal(resultOfOurs, resultOfTheirs, cmp.FilterPath(isDNS, cmp.Ignore())) {
		t.Errorf("our result:\n%s\nupstream's:\n%s", ours, theirs)
	}
	n.Must(t, "CHECK", theirCall.With("prevResult", ours))
	n.Must(t, "DEL", theirCall)
	if diff := hoststate.Diff(before, n.State(t, c), node.Lasting(), regexp.MustCompile(`^files: /run/cni/tuning/.*\.record `)); diff != "" {
		t.Errorf("after upstream's DEL of ours:\n%s", diff)
	}
	// What upstream has put back is put back: our DEL leaves it alone.
	c.Exec(t, "ip", "link", "set", "eth0", "mtu", "1350")
	n.Must(t, "DEL", call)
	if links := c.Exec(t, "ip", "link", "show", "eth0"); !strings.Contains(links, "mtu 1350 ") {
		t.Errorf("after our DEL:\n%s", links)
	}
	if value := c.Exec(t, "cat", "/proc/sys/net/ipv4/conf/eth0/proxy_arp"); value != "0\n" {
		t.Errorf("proxy_arp is %s", value)
	}
	if left := n.Exec(t, "ls", "/run/cni/tuning"); left != "" {
		t.Errorf("left: %s", left)
	}
}

// isDNS matches the key that upstream prints empty.
func isDNS(p cmp.Path) bool {
	for _, step := range p {
		if index, ok := step.(cmp.MapIndex); ok && index.Key().String() == "dns" {
			return true
		}
	}
	return false
}

// What is busy at DEL fails that once, and is put back by the next one. If it stays
// busy, the one after that gives it up, as does any that finds it as it was. (Of the
// macvlans on one interface, one can have an address.)
func TestTuningBusy(t *testing.T) {
	t.Parallel()
	const original = "02:00:00:00:00:01"
	for name, test := range map[string]struct{ meanwhile, again, mac string }{
		"once":        {"ip link del other", "", original},
		"forever":     {"true", "cannot be put back: ", "02:00:00:00:00:0a"},
		"put back":    {"ip link del other; ip -n c link set eth0 address " + original + " mtu 1500", "", original},
		"gone":        {"ip -n c link del eth0", "", ""},
		"another one": {"ip -n c link del eth0; ip -n c link add eth0 address 02:00:00:00:00:02 type veth", "", "02:00:00:00:00:02"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			n.Exec(t, "sh", "-ec", `ip link add lower type veth; ip link set lower up
				ip link add link lower name eth0 netns c address `+original+` type macvlan mode bridge; ip -n c link set eth0 up`)
			call := tuningCall(c, `"mac": "02:00:00:00:00:0a", "mtu": 1400`)
			n.Must(t, "ADD", call)
			n.Exec(t, "sh", "-ec", "ip link add link lower name other address "+original+" type macvlan mode bridge; ip link set other up")
			const want = `set MAC address of "eth0" to ` + original + ": "
			if err := n.Run(t, "DEL", call).Err(); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("DEL: got %v, want %s", err, want)
			}
			n.Exec(t, "sh", "-ec", test.meanwhile)
			out := n.Run(t, "DEL", call)
			if err := out.Err(); err != nil || !strings.HasPrefix(string(out.Stderr), test.again) || test.again == "" && len(out.Stderr) > 0 {
				t.Errorf("DEL again: %v, stderr %q", err, out.Stderr)
			}
			if mac := c.Exec(t, "sh", "-c", "ip -o link show eth0 2>/dev/null | sed 's/.*ether //; s/ .*//'"); strings.TrimSpace(mac) != test.mac {
				t.Errorf("eth0 has address %q", mac)
			}
			if left := n.Exec(t, "ls", "/run/cni/tuning"); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}

// GC takes upstream's file of a stale attachment away with the record, and leaves
// files alone of which nobody knows the network.
func TestTuningGC(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := tunable(t, n, "c")
	call := tuningCall(c, tuningKeys)
	n.Must(t, "ADD", call)
	n.Exec(t, "sh", "-ec", "cd /run/cni/tuning; echo {} >unknown_eth0.json; echo } >$(ls *.record | sed s/-.*//)-0.record; echo } >0-0.record")
	gc := call.With("cni.dev/valid-attachments", []byte(`[]`))
	n.Must(t, "GC", gc)
	if left := n.Exec(t, "ls", "/run/cni/tuning"); left != "0-0.record\nunknown_eth0.json\n" {
		t.Errorf("left:\n%s", left)
	}
}

// In a dataDir that is a file there is nothing for DEL and GC, and no place for ADD.
func TestTuningDataDirIsFile(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "touch", "/run/file")
	call := tuningCall(tunable(t, n, "c"), tuningKeys).With("dataDir", []byte(`"/run/file"`))
	if err := n.Run(t, "ADD", call).Err(); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("ADD: got %v", err)
	}
	n.Must(t, "DEL", call)
	n.Must(t, "GC", call.With("cni.dev/valid-attachments", []byte("[]")))
}

// The administrator's list holds for ADD, in any notation, and STATUS tells about
// one that cannot be read.
func TestTuningAllowList(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", "mount -t tmpfs tmpfs /etc; mkdir -p /etc/cni/tuning")
	list := func(text string) {
		n.Exec(t, "sh", "-ec", `printf '%s' "$0" >/etc/cni/tuning/allowlist.conf`, text)
	}
	c := tunable(t, n, "c")
	before := n.State(t, c)
	call := tuningCall(c, `"mtu": 1400, "sysctl": {"net/ipv4/conf/all/proxy_arp": "1"}`)
	list(`^net\.ipv4\.conf\.other\.[a-z_]*$`)
	err := n.Run(t, "ADD", call).Err()
	const want = `Sysctl net/ipv4/conf/all/proxy_arp is not allowed. Only the following sysctls are allowed: [^net\.ipv4\.conf\.other\.[a-z_]*$]`
	if e, ok := err.(*types.Error); !ok || e.Msg != want || e.Code != types.ErrInvalidNetworkConfig {
		t.Errorf("got %v, want %s", err, want)
	}
	n.Must(t, "DEL", call)
	if diff := hoststate.Diff(before, n.State(t, c), node.Lasting()); diff != "" {
		t.Errorf("not allowed, but\n%s", diff)
	}
	list(`^net\.ipv4\.conf\.all\.[a-z_]*$`)
	n.Must(t, "ADD", call)
	n.Must(t, "STATUS", node.Call{Plugin: "tuning", Config: call.Config})
	list("(")
	for command, code := range map[string]uint{"ADD": types.ErrInternal, "STATUS": types.ErrPluginNotAvailable} {
		if e, ok := n.Run(t, command, call).Err().(*types.Error); !ok || e.Code != code || !strings.Contains(e.Msg, "missing closing )") {
			t.Errorf("%s with a list that is none: %v", command, e)
		}
	}
	n.Must(t, "CHECK", call)
	n.Must(t, "DEL", call)
}

func TestTuningErrors(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := tunable(t, n, "c")
	before := n.State(t, c)
	plain := tuningCall(c, `"mtu": 1400`)
	for _, test := range []struct {
		call node.Call
		code uint
		text string
	}{
		{plain.With("prevResult", nil), types.ErrInvalidNetworkConfig, "Required prevResult missing"},
		{node.Call{Netns: "/run/netns/missing"}, types.ErrInvalidNetNS, `failed to open netns "/run/netns/missing"`},
		{node.Call{IfName: "eth1"}, types.ErrInternal, `failed to get "eth1": no such device`},
		{node.Call{Args: "MAC=zz"}, types.ErrInvalidNetworkConfig, "invalid args zz for MAC addr: address zz: invalid MAC address"},
		{plain.With("sysctl", []byte(`{"kernel.shmmax": "1"}`)), types.ErrInvalidNetworkConfig, `invalid net sysctl key: "kernel/shmmax"`},
		{plain.With("mtu", []byte(`"large"`)), types.ErrDecodingFailure, "failed to load netconf: mtu: want a whole number, have a string"},
	} {
		call := plain
		if test.call.Config != "" {
			call.Config = test.call.Config
		}
		call.Netns, call.IfName, call.Args = stdcmp.Or(test.call.Netns, call.Netns), stdcmp.Or(test.call.IfName, call.IfName), test.call.Args
		for _, command := range []string{"ADD", "CHECK"} {
			if e, ok := n.Run(t, command, call).Err().(*types.Error); !ok || e.Code != test.code || !strings.HasPrefix(e.Msg, test.text) {
				t.Errorf("%s: got %v, want %s (%d)", command, e, test.text, test.code)
			}
		}
		n.Must(t, "DEL", call)
	}
	expectRestored(t, n, before, "after errors", c)
}

// Behind a bridge: the container is reached under its new address at once, CHECK
// of the whole chain agrees, and args.cni alone will do.
func TestTuningChain(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := n.Container(t, "c")
	before := n.State(t, c)
	bridge := node.Call{
		Plugin: "bridge", ContainerID: "cid", Netns: c.Path, IfName: "eth0",
		Config: `{"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0", "isGateway": true, "removeEmptyBridge": true,
			"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00:1:2::/64"}]]}}`,
	}
	result := n.Must(t, "ADD", bridge)
	n.Exec(t, "ping", "-c1", "-W2", "10.1.2.2") // the host knows the old address
	tuning := bridge
	tuning.Plugin = "tuning"
	tuning.Config = `{"cniVersion": "1.1.0", "name": "net", "type": "tuning", "mac": "02:00:00:00:00:0a", "mtu": 1400,
		"args": {"cni": {"sysctl": {"net.ipv6.conf.IFNAME.accept_ra": "0"}}}}`
	result = n.Must(t, "ADD", tuning.With("prevResult", result))
	for _, address := range []string{"10.1.2.2", "fd00:1:2::2"} {
		n.Exec(t, "ping", "-c1", "-W5", address)
	}
	if neighbours := n.Exec(t, "ip", "neigh", "show", "10.1.2.2"); !strings.Contains(neighbours, "02:00:00:00:00:0a") {
		t.Errorf("neighbours of the host:\n%s", neighbours)
	}
	for _, call := range []node.Call{bridge, tuning} {
		n.Must(t, "CHECK", call.With("prevResult", result))
	}
	n.Must(t, "DEL", tuning.With("prevResult", result))
	n.Must(t, "DEL", bridge.With("prevResult", result))
	expectRestored(t, n, before, "after DEL", c)
}

// Containers that start and stop at once do not get in each other's way.
func TestTuningParallel(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	var (
		calls      []node.Call
		containers []*node.Container
	)
	for i := range 50 {
		c := tunable(t, n, fmt.Sprint("c", i))
		call := tuningCall(c, tuningKeys)
		call.ContainerID = fmt.Sprint("container-", i)
		calls, containers = append(calls, call), append(containers, c)
	}
	before := n.State(t, containers...)
	for _, command := range []string{"ADD", "CHECK", "ADD", "DEL"} {
		atOnce(t, n, command, calls)
	}
	expectRestored(t, n, before, "after DEL", containers...)
}
