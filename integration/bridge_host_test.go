package integration

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/faults"
	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// hasLine looks for a line of a command's output that matches.
func hasLine(output, pattern string) bool {
	return regexp.MustCompile(`(?m)` + pattern).MatchString(output)
}

// A bridge that is there already, with addresses of others.
func TestBridgeAddresses(t *testing.T) {
	t.Parallel()
	const force = `"forceAddress": true, `
	for name, test := range map[string]struct {
		present, keys, want string
		// lost is an address that must be gone, wantError why ADD must fail.
		lost, wantError string
	}{
		"same": {present: "10.1.2.1/24", keys: bridgeV4, want: "10.1.2.1/24"},
		"other IPv4": {present: "10.9.9.1/24", keys: bridgeV4,
			wantError: `failed to set bridge addr: "br0" already has an IP address different from 10.1.2.1/24: 10.9.9.1/24 (forceAddress replaces it)`},
		"other IPv4, forced":     {present: "10.9.9.1/24", keys: force + bridgeV4, want: "10.1.2.1/24", lost: "10.9.9.1/24"},
		"other prefix":           {present: "10.1.2.1/16", keys: bridgeV4, wantError: "different from 10.1.2.1/24: 10.1.2.1/16 (forceAddress"},
		"IPv6 apart":             {present: "fd00:9::1/64", keys: bridgeV6, want: "fd00:1:2::1/64"},
		"IPv6 overlap":           {present: "fd00:1:2::7/48", keys: bridgeV6, wantError: "different from fd00:1:2::1/64: fd00:1:2::7/48 (forceAddress"},
		"IPv6 overlap, forced":   {present: "fd00:1:2::7/48", keys: force + bridgeV6, want: "fd00:1:2::1/64", lost: "fd00:1:2::7/48"},
		"other family":           {present: "fd00:9::1/64", keys: bridgeV4, want: "10.1.2.1/24"},
		"of the same pool":       {present: "10.1.3.1/24", keys: `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}, {"subnet": "10.1.3.0/24"}]]}`, want: "10.1.2.1/24"},
		"of the pool, forced":    {present: "10.1.3.1/24", keys: force + `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}, {"subnet": "10.1.3.0/24"}]]}`, want: "10.1.2.1/24"},
		"several gateways":       {present: "10.1.2.1/24", keys: `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "10.1.3.0/24"}]]}`, want: "10.1.3.1/24"},
		"several, forced":        {present: "10.9.9.1/24", keys: force + `"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "10.1.3.0/24"}]]}`, want: "10.1.2.1/24", lost: "10.9.9.1/24"},
		"address is the gateway": {present: "10.9.9.1/24", keys: `"ipam": {"type": "static", "addresses": [{"address": "10.1.2.1/24"}]}`, wantError: "gateway 10.1.2.1 is an address of the container"},
		"single address":         {present: "fd00:9::1/64", keys: `"ipam": {"type": "static", "addresses": [{"address": "10.9.9.9/32"}]}`, want: "10.9.9.10/32"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			c := n.Container(t, "c")
			n.Exec(t, "sh", "-ec", "ip link add br0 type bridge; ip link set br0 up; ip addr add nodad dev br0 "+test.present)
			before := n.State(t, c)
			call := bridgeCall(c, `"isGateway": true, `+test.keys)
			out := n.Run(t, "ADD", call)
			if test.wantError != "" {
				if err := out.Err(); err == nil || !strings.Contains(err.Error(), test.wantError) {
					t.Errorf("got %v, want %q", err, test.wantError)
				}
				pinned := regexp.MustCompile(`^host links: br0|^host (addresses|routes): .*(fe80::|ff00::)`) // its MAC address is of the port
				if diff := hoststate.Diff(before, n.State(t, c), node.Lasting(), pinned); diff != "" {
					t.Errorf("after the failure:\n%s", diff)
				}
				return
			}
			if err := out.Err(); err != nil {
				t.Fatal(err)
			}
			list := n.Exec(t, "ip", "addr", "show", "br0")
			if !strings.Contains(list, " "+test.want+" ") || test.lost != "" && strings.Contains(list, " "+test.lost+" ") {
				t.Errorf("addresses of the bridge:\n%s", list)
			}
			if test.lost == "" && !strings.Contains(list, " "+test.present+" ") {
				t.Errorf("%s is lost:\n%s", test.present, list)
			}
			n.Must(t, "CHECK", call.With("prevResult", out.Stdout))
			n.Must(t, "DEL", call)
		})
	}
}

// An ADD that fails leaves the bridge as it was: none, or with the address that
// it was about to replace.
func TestBridgeUndo(t *testing.T) {
	t.Parallel()
	// The route's gateway cannot be one, as it is a broadcast address.
	const keys = `"isGateway": true, "forceAddress": true, "removeEmptyBridge": false, "ipam": {"type": "static",
		"addresses": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}, {"address": "fd00:1:2::3/64"}], "routes": [{"dst": "10.7.0.0/16", "gw": "10.1.2.255"}]}`
	for name, prepare := range map[string]string{
		"no bridge":      "true",
		"empty bridge":   "ip link add br0 address 02:00:00:00:00:01 type bridge; ip link set br0 up; ip addr add 10.9.9.1/24 brd + dev br0",
		"bridge in use":  "ip link add br0 address 02:00:00:00:00:01 type bridge; ip link set br0 up; ip addr add 10.1.2.1/24 dev br0; ip addr add fd00:1:2::1/64 dev br0; ip link add port type veth; ip link set port master br0",
		"VLAN interface": "ip link add br0 address 02:00:00:00:00:01 type bridge vlan_filtering 1; ip link set br0 up",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			keys := keys
			if name == "VLAN interface" {
				needsVLANs(t, n)
				keys += `, "vlan": 100`
			}
			c := n.Container(t, "c")
			n.Exec(t, "sh", "-ec", prepare)
			before := n.State(t, c)
			if err := n.Run(t, "ADD", bridgeCall(c, keys)).Err(); err == nil || !strings.Contains(err.Error(), "add route 10.7.0.0/16") {
				t.Errorf("got %v", err)
			}
			linkLocal := regexp.MustCompile(`^host (addresses|routes): .*(fe80::|ff00::)`)
			if diff := hoststate.Diff(before, n.State(t, c), node.Lasting(), linkLocal); diff != "" {
				t.Errorf("after the failure:\n%s", diff)
			}
		})
	}
}

// A bridge that an ADD has made goes if the ADD cannot go on, whatever it has come to know of it.
func TestBridgeUndoOfMaking(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	c := n.Container(t, "c")
	call := node.Call{
		Plugin: "bridge", ContainerID: "c", Netns: c.Path, IfName: "eth0",
		Config: `{"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br0"}`,
	}
	for f := (faults.Fault{Kind: faults.Fail, N: 1, Own: true, Errno: unix.ENOBUFS}); ; f.N++ {
		out, hit := n.Disturb(t, "ADD", call, f)
		if hit == nil {
			break
		}
		if out.Err() == nil {
			n.Must(t, "DEL", call)
			n.Exec(t, "ip", "link", "del", "br0")
			continue
		}
		if left := n.Exec(t, "ip", "-br", "link", "show", "type", "bridge"); left != "" {
			t.Errorf("after %v there is %s", hit, left)
			n.Exec(t, "ip", "link", "del", "br0")
		}
	}
}

// The MTU and the hardware address of a bridge do not follow its ports', nor does it
// lose the address with the last of them. A bridge of somebody else's that has none, as
// its last port is gone, gets one, and ADD reports it.
func TestBridgeKeepsItself(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", `ip link add br0 type bridge; ip link add port master br0 type veth
		ip link del port; ip link set br0 mtu 9000; ip link show br0 | grep 00:00:00:00:00:00`)
	before := ""
	var calls []node.Call
	for i := range 6 {
		call := bridgeCall(n.Container(t, fmt.Sprint("c", i)), fmt.Sprintf(`"mtu": %d, `, 1400-i)+gateway+bridgeV4)
		reported := "link/ether " + add(t, n, call).Interfaces[0].Mac
		calls = append(calls, call)
		state := n.Exec(t, "sh", "-c", "ip link show br0 | sed 's/^.*mtu/mtu/; s/qdisc.*//'")
		if i > 0 && state != before || !strings.Contains(state, "mtu 9000 ") || !strings.Contains(state, reported) {
			t.Errorf("after %d containers: %s, before %s, reported %s", i+1, state, before, reported)
		}
		before = state
		if i%2 == 1 {
			n.Must(t, "DEL", call)
		}
	}
	for _, call := range calls {
		n.Must(t, "DEL", call)
	}
	if state := n.Exec(t, "sh", "-c", "ip link show br0 | sed 's/^.*mtu/mtu/; s/qdisc.*//'"); state != before {
		t.Errorf("without ports: %s, before %s", state, before)
	}
}

// An alternative name of the bridge is as good as its own.
func TestBridgeAlternativeName(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "sh", "-ec", "ip link add br0 type bridge; ip link property add dev br0 altname uplink-of-pods")
	c := n.Container(t, "c")
	call := bridgeCall(c, gateway+bridged).With("bridge", []byte(`"uplink-of-pods"`))
	call = call.With("prevResult", n.Must(t, "ADD", call))
	if have := n.Exec(t, "sysctl", "-n", "net.ipv6.conf.br0.accept_ra"); have != "0\n" {
		t.Errorf("router advertisements are heeded: %s", have)
	}
	n.Must(t, "CHECK", call)
	n.Must(t, "DEL", call)
}

// The options that change the bridge or the container's interface.
func TestBridgeOptions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ keys, command, want string }{
		"promiscMode":           {`"promiscMode": true`, "ip link show br0", "PROMISC"},
		"stp":                   {`"stp": true, "ipam": {}`, "ip -d link show br0", "stp_state 1"},
		"no multicastSnooping":  {`"multicastSnooping": false`, "ip -d link show br0", "mcast_snooping 0"},
		"accept_ra of a bridge": {``, "sysctl -n net.ipv6.conf.br0.accept_ra", "^0$"},
		"disableIPv6":           {`"disableIPv6": true`, "sysctl -n net.ipv6.conf.br0.disable_ipv6", "^1$"},
		"acceptRA":              {`"acceptRA": true`, "ip netns exec c sysctl -n net.ipv6.conf.eth0.accept_ra", "^2$"},
		"no acceptRA":           {`"acceptRA": false`, "ip netns exec c sysctl -n net.ipv6.conf.eth0.accept_ra", "^0$"},
		"default of acceptRA":   {``, "ip netns exec c sysctl -n net.ipv6.conf.eth0.accept_ra", "^1$"},
		"left down":             {`"disableContainerInterface": true`, "ip -n c link show eth0", "state DOWN"},
		"mtu":                   {`"mtu": 1400`, "ip -n c link show eth0; ip link show br0", `mtu 1400(.|\n)*mtu 1400`},
		"txqueuelen":            {``, "ip link show master br0", "qlen 1000"},
		"announcements":         {gateway + bridged, "ip netns exec c sysctl -n net.ipv4.conf.eth0.arp_notify net.ipv6.conf.eth0.ndisc_notify", "^1\n1$"},
		"detection":             {gateway + `"enabledad": true, ` + bridgeV6, "ip -n c addr show eth0; ip netns exec c sysctl -n net.ipv6.conf.eth0.accept_dad", "fd00:1:2::2/64 scope global ?\n(.|\n)*^1$"},
		"no detection":          {gateway + bridgeV6, "ip -n c addr show eth0; ip netns exec c sysctl -n net.ipv6.conf.eth0.accept_dad", "fd00:1:2::2/64 scope global nodad ?\n(.|\n)*^0$"},
		"/32 reaches its route": {gateway + `"ipam": {"type": "static", "addresses": [{"address": "10.9.9.9/32", "gateway": "10.9.9.1"}]}`, "ip -n c route", "default via 10.9.9.1 dev eth0 onlink"},
		"link-local of IPv4":    {`"isGateway": true, "ipam": {"type": "static", "addresses": [{"address": "10.9.9.9/32", "gateway": "169.254.1.1"}], "routes": [{"dst": "0.0.0.0/0"}]}`, "ip -n c route", "default via 169.254.1.1 dev eth0 onlink"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			keys := strings.TrimSuffix(`"hairpinMode": false, `+test.keys, ", ")
			call := bridgeCall(n.Container(t, "c"), keys)
			result := n.Must(t, "ADD", call)
			if got := n.Exec(t, "sh", "-ec", test.command); !hasLine(got, test.want) {
				t.Errorf("%s prints\n%s", test.command, got)
			}
			n.Must(t, "CHECK", call.With("prevResult", result))
			n.Must(t, "DEL", call)
			if links := n.Exec(t, "ip", "-br", "link"); strings.Count(links, "\n") != 1 {
				t.Errorf("links after DEL:\n%s", links)
			}
		})
	}
}

// An address that another container has is found out if that is asked for.
func TestBridgeDetectsDuplicates(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	const keys = `"enabledad": true, "ipam": {"type": "static", "addresses": [{"address": "fd00:1:2::3/64"}]}`
	add(t, n, bridgeCall(n.Container(t, "one"), keys))
	err := n.Run(t, "ADD", bridgeCall(n.Container(t, "other"), keys)).Err()
	if err == nil || !strings.Contains(err.Error(), `failed to settle addresses for "eth0"`) {
		t.Errorf("got %v", err)
	}
}

// Who asks for a hardware address, by which precedence.
func TestBridgeMAC(t *testing.T) {
	t.Parallel()
	const a, b, c = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"
	for _, test := range []struct{ name, args, keys, want string }{
		{"args", "IgnoreUnknown=1;K8S_POD_NAME=x;MAC=" + a, `"vlan": 0`, a},
		{"configuration", "MAC=" + a, `"args": {"cni": {"mac": "` + b + `"}}`, b},
		{"capability", "MAC=" + a, `"args": {"cni": {"mac": "` + b + `"}}, "RuntimeConfig": {"mac": "` + c + `"}`, c},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			call := bridgeCall(n.Container(t, "c"), test.keys)
			call.Args = test.args
			if got := add(t, n, call).Interfaces[2].Mac; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			call.Args = "none" // DEL does not care
			n.Must(t, "DEL", call)
		})
	}
}

// Neighbours hear of the addresses of a new container.
func TestBridgeAnnounces(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	listener, c := n.Container(t, "listener"), n.Container(t, "c")
	add(t, n, bridgeCall(listener, gateway+bridged))
	listener.Exec(t, "sh", "-ec", "sysctl -qw net.ipv4.conf.eth0.arp_accept=1 net.ipv6.conf.eth0.accept_untracked_na=1 net.ipv6.conf.eth0.forwarding=1")
	result := add(t, n, bridgeCall(c, gateway+bridged))
	neighbours := listener.Exec(t, "ip", "neigh")
	for _, address := range addresses(result) {
		if !hasLine(neighbours, "^"+address+" .*"+result.Interfaces[2].Mac) {
			t.Errorf("%s is not among the neighbours:\n%s", address, neighbours)
		}
	}
}

// STATUS tells what is wrong with the bridge.
func TestBridgeStatus(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	call := bridgeCall(n.Container(t, "c"), gateway+bridgeV4)
	n.Must(t, "STATUS", call)
	n.Exec(t, "ip", "link", "add", "br0", "type", "veth")
	want := `failed to create bridge "br0": "br0" already exists but is not a bridge`
	if err := n.Run(t, "ADD", call).Err(); err == nil || err.Error() != want {
		t.Errorf("ADD: got %v, want %s", err, want)
	}
	want = `bridge: bridge "br0": "br0" already exists but is not a bridge`
	if err := n.Run(t, "STATUS", call).Err(); err == nil || err.Error() != want {
		t.Errorf("STATUS: got %v, want %s", err, want)
	}
}

// VLANs are told apart on a bridge that did not do so before, unless that could
// cut somebody off.
func TestBridgeStartsToFilter(t *testing.T) {
	t.Parallel()
	for name, foreign := range map[string]bool{"containers": false, "an uplink": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			needsVLANs(t, n)
			one, other := n.Container(t, "one"), n.Container(t, "other")
			add(t, n, bridgeCall(one, gateway+bridgeV4))
			if foreign {
				n.Exec(t, "sh", "-ec", "ip link add uplink type dummy; ip link set uplink master br0")
			}
			call := bridgeCall(other, `"vlan": 100`)
			if err := n.Run(t, "ADD", call).Err(); (err != nil) != foreign || foreign && !strings.Contains(err.Error(), "its port uplink might lose traffic") {
				t.Errorf("got %v", err)
			}
			filters := hasLine(n.Exec(t, "ip", "-d", "link", "show", "br0"), "vlan_filtering 1")
			if filters == foreign || !reaches(t, one, "10.1.2.1") {
				t.Errorf("filtering: %v", filters)
			}
		})
	}
}
