// Package integration tests the real binaries from end to end, each test on a
// host of its own.
package integration

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/version"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
)

func TestMain(m *testing.M) {
	if os.Getenv(filteredVariable) != "" {
		fmt.Fprintln(os.Stderr, runFiltered(os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(node.Main(m))
}

// versions are all versions of the specification, the oldest first.
var versions = []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", latest}

// latest is the newest of versions.
const latest = "1.1.0"

// subject is a plugin with the configuration in which it is tested. A plugin
// joins the tests of this package by an entry in subjects.
type subject struct {
	plugin string
	// config is the network configuration without cniVersion. $CONTAINER in it
	// stands for the name of the container.
	config string
	// ifName is CNI_IFNAME.
	ifName string
	// exact means that an ADD that fails leaves even that as it was which
	// otherwise lasts. It is so where no delegate has succeeded before.
	exact bool
	// since is the first version of the specification that the plugin knows, if
	// that is not the very first.
	since string
	// variant tells subjects of one plugin apart.
	variant string
	// prevResult is the result of the plugin before, in the latest version, for a
	// plugin that is chained.
	prevResult string
	// host is a shell command that gives a node what the plugin expects there.
	host string
	// inside is one that does so with a container.
	inside string
	// held matches what a container that is alive, though the runtime has
	// forgotten its namespace, keeps of the node's state.
	held string
	// doomed matches what of the node's state ends with the container, as it is
	// in there.
	doomed string
	// wire is one that gives a container what the plugin before has made. In it and
	// in prevResult NAME stands for the container's name.
	wire string
	// shared says that the plugin makes state for all attachments together, which
	// stays on the host.
	shared bool
	// unwalked says that another test, or another subject, lets the steps of the plugin
	// fail.
	unwalked bool
	// delegated says that another subject lets the steps of the IPAM plugin fail.
	delegated bool
	// needs skips the test on a node whose kernel lacks what the plugin needs.
	needs func(*testing.T, *node.Node)
	// then are the plugins behind this one in a configuration list.
	then []subject
	// services starts what the plugin needs running on a node.
	services func(testing.TB, *node.Node)
}

var subjects = []subject{
	{
		plugin: "ptp",
		config: `{"name": "net", "type": "ptp", "ipam": {"type": "host-local",
			"ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00:1:2::/64"}]],
			"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}`,
		ifName: "eth0",
	},
	{
		plugin: "bridge",
		config: `{"name": "net", "type": "bridge", "bridge": "br0", "isDefaultGateway": true, "removeEmptyBridge": true,
			"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00:1:2::/64"}]],
			"routes": [{"dst": "0.0.0.0/0"}]}}`,
		ifName: "eth0",
	},
	childSubject("macvlan", "", `"mode": "bridge"`),
	childSubject("macvlan", "linkInContainer", `"linkInContainer": true, "mode": "private"`),
	childSubject("ipvlan", "", `"mode": "l2"`),
	childSubject("ipvlan", "linkInContainer", `"linkInContainer": true, "mode": "l3s"`),
	childSubject("vlan", "", `"vlanId": 100`),
	childSubject("vlan", "linkInContainer", `"linkInContainer": true, "vlanId": 0`),
	{
		plugin: "dummy",
		config: `{"name": "net", "type": "dummy", "mtu": 1400, "mac": "02:00:00:00:00:07", ` + dualStack + `}`,
		ifName: "eth0",
		needs:  func(t *testing.T, n *node.Node) { needsDriver(t, n, "dummy") },
	},
	tapSubject("", `"multiQueue": true, "owner": 7, "group": 8, "mtu": 1400`),
	tapSubject("port", `"bridge": "br1", "mac": "02:00:00:00:00:07"`),
	{
		plugin:  "bridge",
		variant: "vlan",
		config: `{"name": "net", "type": "bridge", "bridge": "br0", "isDefaultGateway": true, "removeEmptyBridge": true,
			"vlan": 100, "vlanTrunk": [{"minID": 200, "maxID": 210}],
			"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00:1:2::/64"}]]}}`,
		ifName: "eth0",
		needs:  needsVLANs,
	},
	dhcpSubject("dhcp", ""),
	dhcpSubject("dhcp IPv6", `, "ipv6": "both"`),
	{
		plugin: "host-device",
		config: `{"name": "net", "type": "host-device", "device": "nic-$CONTAINER", "ipam": {"type": "host-local",
			"ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00:1:2::/64"}]],
			"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}`,
		ifName: "eth0",
		host:   devices("c", "valid", "other", "stale"),
		doomed: "nic-c",
	},
	{
		plugin:  "host-device",
		variant: "network",
		config:  `{"name": "net", "type": "host-device", "device": "nic-$CONTAINER", "useInterfaceNetwork": true}`,
		ifName:  "eth0",
		host: devices("c", "valid", "other", "stale") + `
			ip route add 10.5.0.0/16 dev nic-c table 7 proto dhcp; ip rule add from 10.9.0.1 lookup 7`,
		doomed: "nic-c",
	},
	{
		plugin: "loopback",
		config: `{"name": "net", "type": "loopback"}`,
		ifName: "lo",
	},
	{
		plugin: "host-local",
		config: `{"name": "net", "type": "any", "ipam": {"type": "host-local",
			"ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00:1:2::/64"}]],
			"routes": [{"dst": "0.0.0.0/0"}]}}`,
		ifName: "eth0",
		exact:  true,
	},
	{
		plugin: "static",
		config: `{"name": "net", "type": "any", "ipam": {"type": "static",
			"addresses": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}, {"address": "fd00:1:2::3/64"}],
			"routes": [{"dst": "0.0.0.0/0"}], "dns": {"nameservers": ["10.1.2.1"]}}}`,
		ifName: "eth0",
	},
	bandwidthSubject("veth"),
	bandwidthSubject("macvlan"),
	firewallSubject("iptables"),
	firewallSubject("nftables"),
	firewalldSubject(),
	portmapSubject("iptables"),
	portmapSubject("nftables"),
	tuningSubject(),
	sbrSubject("tables", `"addSourceHints": true`),
	sbrSubject("table", `"table": 5000`),
	vrfSubject(),
}

// pairSubjects are the plugins that make a pair of which one end is the host's, in
// their plain configuration.
func pairSubjects() []subject {
	return slices.DeleteFunc(slices.Clone(subjects), func(s subject) bool {
		return s.plugin != "bridge" && s.plugin != "ptp" || s.variant != ""
	})
}

// call is a call of the plugin for a container with a namespace at path.
func (s subject) call(version, netns string) node.Call {
	config := strings.ReplaceAll(s.config, "$CONTAINER", filepath.Base(netns))
	c := node.Call{Plugin: s.plugin, Config: config, ContainerID: "container", Netns: netns, IfName: s.ifName}
	c = c.With("cniVersion", fmt.Appendf(nil, "%q", version))
	if s.prevResult == "" {
		return c
	}
	result := strings.ReplaceAll(s.prevResult, "NAME", filepath.Base(netns))
	return c.With("prevResult", inVersion(version, result))
}

// versions are those that the plugin knows.
func (s subject) versions() []string {
	return versions[max(0, slices.Index(versions, s.since)):]
}

// inVersion returns a result, which is in the latest version, in another one. In
// one that does not exist it stays as it is.
func inVersion(v, text string) []byte {
	if !slices.Contains(versions, v) {
		return []byte(text)
	}
	result, err := version.NewResult(latest, []byte(text))
	if err != nil {
		panic(err)
	}
	if result, err = result.GetAsVersion(v); err != nil {
		panic(err)
	}
	converted, err := json.Marshal(result)
	if err != nil {
		panic(err)
	}
	return converted
}

// prepare makes a node one on which the plugin can run and has run before, if it
// makes anything that stays.
func (s subject) prepare(t testing.TB, n *node.Node) {
	t.Helper()
	if s.services != nil {
		s.services(t, n)
	}
	if s.host != "" {
		n.Exec(t, "sh", "-ec", s.host)
	}
	if !s.shared {
		return
	}
	c := s.container(t, n, "prepare")
	call := s.call(latest, c.Path)
	call.ContainerID = "prepare"
	n.Must(t, "ADD", call)
	n.Must(t, "DEL", call)
	c.Remove(t)
}

// container makes a container in which the plugin can run.
func (s subject) container(t testing.TB, n *node.Node, name string) *node.Container {
	t.Helper()
	c := n.Container(t, name)
	if s.inside != "" {
		c.Exec(t, "sh", "-ec", s.inside)
		settle(t, n, c)
	}
	if s.wire != "" {
		n.Exec(t, "sh", "-ec", strings.ReplaceAll(s.wire, "NAME", name))
	}
	return c
}

// settle waits until the kernel has done to the container's interfaces what it
// does to them by itself.
func settle(t testing.TB, n *node.Node, c *node.Container) {
	t.Helper()
	err := n.Do(func() error {
		inside, err := link.Open(c.Path)
		if err != nil {
			return err
		}
		defer inside.Close()
		links, err := inside.LinkList()
		if err != nil {
			return err
		}
		for _, l := range links {
			if l.Attrs().Flags&net.FlagUp == 0 {
				continue
			}
			if l.Attrs().RawFlags&unix.IFF_LOWER_UP == 0 {
				continue // there is nothing to wait for
			}
			addrs, err := inside.AddrList(l, netlink.FAMILY_V6)
			if err != nil {
				return err
			}
			if err := (ip.Config{Addrs: addrs}).AwaitUse(t.Context(), inside, l); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// name is for the reader of a test.
func (s subject) name() string {
	name := s.plugin
	if s.variant != "" {
		name += " " + s.variant
	}
	for _, behind := range s.then {
		name += "+" + behind.name()
	}
	return name
}

// each runs test for each subject in parallel.
func each(t *testing.T, test func(*testing.T, subject)) {
	t.Parallel()
	eachOf(t, subjects, test)
}

func eachOf(t *testing.T, subjects []subject, test func(*testing.T, subject)) {
	for _, s := range subjects {
		t.Run(s.name(), func(t *testing.T) {
			t.Parallel()
			if s.needs != nil {
				s.needs(t, node.New(t))
			}
			test(t, s)
		})
	}
}
