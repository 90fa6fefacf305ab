package integration

import (
	"encoding/json"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// shipped is where the configurations are that runtimes and distributions ship.
const shipped = "testdata/shipped"

// Each configuration that is shipped somewhere goes through all verbs, in the version of
// the specification that it is written in and in the newest one, with packets, and leaves
// nothing.
func TestShippedConfigurations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(shipped + "/*.conflist")
	if err != nil || len(files) == 0 {
		t.Fatalf("no configurations: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []string{"", latest} {
			name := strings.TrimSuffix(filepath.Base(file), ".conflist")
			t.Run(strings.TrimSpace(name+" "+version), func(t *testing.T) {
				t.Parallel()
				newShippedNetwork(t, text, version).run(t)
			})
		}
	}
}

// capabilities are what a runtime passes to the plugins that declare them: as containerd
// and CRI-O write them.
var capabilities = map[string]string{
	"portMappings": `[{"HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": ""}]`,
	"bandwidth":    `{"IngressRate": 80000000, "IngressBurst": 4294967295, "EgressRate": 80000000, "EgressBurst": 34359738359}`,
}

// shippedNetwork is a network on the street, whose container "one" has no interface yet.
type shippedNetwork struct {
	*street
	version, name, ifName string
	plugins               []map[string]json.RawMessage
}

func newShippedNetwork(t *testing.T, text []byte, version string) *shippedNetwork {
	t.Helper()
	var list struct {
		CNIVersion string                       `json:"cniVersion"`
		Name       string                       `json:"name"`
		Plugins    []map[string]json.RawMessage `json:"plugins"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	if version == "" {
		version = list.CNIVersion
	}
	c := &shippedNetwork{street: newStreet(t), version: version, name: list.Name, ifName: "eth0", plugins: list.Plugins}
	if len(c.plugins) == 1 && string(c.plugins[0]["type"]) == `"loopback"` {
		c.ifName = "lo"
	}
	for _, p := range c.plugins {
		if p["vlan"] != nil {
			needsVLANs(t, c.Node)
		}
	}
	c.Exec(t, "ip", "-n", "one", "link", "del", "eth0")
	return c
}

// calls returns a call of each plugin, in their order.
func (c *shippedNetwork) calls(t *testing.T, result []byte) []node.Call {
	t.Helper()
	var calls []node.Call
	for _, p := range c.plugins {
		conf := maps.Clone(p)
		var declared map[string]bool
		_ = json.Unmarshal(conf["capabilities"], &declared)
		delete(conf, "capabilities")
		passed := map[string]json.RawMessage{}
		for capability, value := range capabilities {
			if declared[capability] {
				passed[capability] = json.RawMessage(value)
			}
		}
		if len(passed) > 0 {
			conf["runtimeConfig"] = mustMarshal(t, passed)
		}
		conf["cniVersion"], conf["name"] = mustMarshal(t, c.version), mustMarshal(t, c.name)
		if result != nil {
			conf["prevResult"] = result
		}
		var plugin string
		if err := json.Unmarshal(conf["type"], &plugin); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, node.Call{
			Plugin: plugin, Config: string(mustMarshal(t, conf)), ContainerID: "one", Netns: "/run/netns/one", IfName: c.ifName,
			Args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=one",
		})
	}
	return calls
}

func mustMarshal(t *testing.T, value any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (c *shippedNetwork) run(t *testing.T) {
	t.Helper()
	c.status(t)
	before := c.State(t)
	var result []byte
	for i := range c.plugins {
		result = c.Must(t, "ADD", c.calls(t, result)[i])
	}
	c.expectTraffic(t, result)
	c.check(t, result)
	c.status(t)
	if c.version == latest {
		for _, call := range c.calls(t, nil) {
			c.Must(t, "GC", call.With("cni.dev/valid-attachments", []byte(`[{"containerID": "one", "ifname": "`+c.ifName+`"}]`)))
		}
		c.check(t, result)
	}
	for range 2 {
		for _, call := range slices.Backward(c.calls(t, result)) {
			c.Must(t, "DEL", call)
		}
	}
	if rest := hoststate.Diff(before, c.State(t), node.Lasting(), lastingOfShipped()); rest != "" {
		t.Errorf("after DEL:\n%s", rest)
	}
	if rules := c.Exec(t, "nft", "list", "ruleset"); strings.Contains(rules, "8080") {
		t.Errorf("after DEL:\n%s", rules)
	}
}

// lastingOfShipped matches what stays when the last container of a network is gone: its
// bridge, what all containers have in common in the packet filter, and files that are no
// lease. The street's own link-local addresses come when they have settled.
func lastingOfShipped() *regexp.Regexp {
	return regexp.MustCompile(`^host (nft|ip6?tables\S*|(links|addresses|routes|features|qdiscs|neighbours|vlans): .*\b(cni-podman[01]|nerdctl0|br-apart|nomad|cni0|kube-bridge|mgmt-br)\b)` +
		`|^host (routes|addresses): .*fe80::.* dev (br0|port2|cable) |^files: /run/cni/firewall/(attachments|claims|lock) ` +
		`|^files: /run/(cni/v4pd|cni-ipam-state)(/[a-z0-9-]+)*(/(\.index|last_reserved_ip\.\d+))? `)
}

// status calls STATUS where the specification has it.
func (c *shippedNetwork) status(t *testing.T) {
	t.Helper()
	if c.version != latest {
		return
	}
	for _, call := range c.calls(t, nil) {
		c.Must(t, "STATUS", call)
	}
}

// check calls CHECK where the specification has it.
func (c *shippedNetwork) check(t *testing.T, result []byte) {
	t.Helper()
	if c.version < "0.4.0" {
		return
	}
	for _, call := range c.calls(t, result) {
		c.Must(t, "CHECK", call)
	}
}

// expectTraffic sends packets from the container to its gateway, and from outside to its
// port.
func (c *shippedNetwork) expectTraffic(t *testing.T, raw []byte) {
	t.Helper()
	made, err := create.CreateFromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	result, err := current.NewResultFromResult(made)
	if err != nil {
		t.Fatal(err)
	}
	for _, ip := range result.IPs {
		if ip.Gateway == nil {
			continue
		}
		if out, err := c.Try("ip", "netns", "exec", "one", "ping", "-n", "-c1", "-W5", ip.Gateway.String()); err != nil {
			t.Errorf("the gateway %v does not answer: %v %s", ip.Gateway, err, out)
		}
	}
	c.expectSource(t, result)
	if len(result.IPs) == 0 {
		c.expectFrames(t)
	}
	published := slices.ContainsFunc(c.plugins, func(p map[string]json.RawMessage) bool { return string(p["type"]) == `"portmap"` })
	i := slices.IndexFunc(result.IPs, func(ip *current.IPConfig) bool { return ip.Address.IP.To4() != nil })
	if published && i >= 0 {
		c.one.serve(t, "one", "tcp4", net.JoinHostPort(result.IPs[i].Address.IP.String(), "80"))
		expect(t, "the port from outside", c.outside, "tcp4", hostV4+":8080", "one")
	}
}

// expectSource has the container talk to somebody outside, who sees the host's address where
// the network is masqueraded, and else the container's.
func (c *shippedNetwork) expectSource(t *testing.T, result *current.Result) {
	t.Helper()
	i := slices.IndexFunc(result.IPs, func(ip *current.IPConfig) bool { return ip.Address.IP.To4() != nil })
	leads := slices.ContainsFunc(result.Routes, func(r *types.Route) bool { return r.Dst.String() == "0.0.0.0/0" })
	if i < 0 || !leads {
		return
	}
	want := result.IPs[i].Address.IP.String()
	if slices.ContainsFunc(c.plugins, func(p map[string]json.RawMessage) bool { return string(p["ipMasq"]) == "true" }) {
		want = hostV4
	}
	c.outside.serve(t, "outside", "tcp4", outsideV4+":7000")
	expect(t, "from the container", c.one, "tcp4", outsideV4+":7000", "outside "+want)
}

// expectFrames has the container, whose network has no addresses, reach the host all the
// same: over the bridge, or within itself.
func (c *shippedNetwork) expectFrames(t *testing.T) {
	t.Helper()
	address := "127.0.0.1"
	p := c.plugins[0]
	if string(p["type"]) == `"bridge"` {
		address = "198.51.100.1"
		c.Exec(t, "sh", "-ec", `ip -n one addr add 198.51.100.2/24 dev eth0
			dev=mgmt-br
			if [ "$0" ]; then
				bridge vlan add dev mgmt-br vid "$0" self
				ip link add link mgmt-br name uplink100 type vlan id "$0"
				dev=uplink100
			fi
			ip addr add 198.51.100.1/24 dev $dev; ip link set $dev up`, string(p["vlan"]))
		defer c.Exec(t, "sh", "-c", "ip link del uplink100 2>/dev/null; ip addr del 198.51.100.1/24 dev mgmt-br 2>/dev/null; ip -n one addr flush dev eth0 scope global; true")
	}
	if string(p["type"]) == `"tap"` {
		return // whose other end is the process of a virtual machine: see TestTapTraffic
	}
	if out, err := c.Try("ip", "netns", "exec", "one", "ping", "-n", "-c1", "-W5", address); err != nil {
		t.Errorf("%s does not answer: %v %s", address, err, out)
	}
}
