package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// forgetful is a runtime that adds attachments as others do, and forgets to delete them.
type forgetful struct {
	*node.Node
	// bundle is the path of the executable that has the command, and bin where the plugins
	// are, in the same executable or in others.
	bundle, bin string
	confs       string
	// upstreams says that it calls upstream's plugins.
	upstreams bool
}

func newForgetful(t *testing.T) *forgetful {
	t.Helper()
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	return &forgetful{Node: node.New(t), bundle: bundle(t), bin: bin, confs: t.TempDir()}
}

// list is a network of the runtime: the file of its configuration.
type list string

// network writes a configuration for the runtime.
func (f *forgetful) network(t *testing.T, file, text string) list {
	t.Helper()
	writeFiles(t, f.confs, map[string]string{file: text})
	return list(filepath.Join(f.confs, file))
}

// chained is a network with all kinds of state: a lease, nftables' rules and records.
func (f *forgetful) chained(t *testing.T, version, name string, number int) list {
	t.Helper()
	last := "firewall"
	if version == "0.3.1" {
		last = "tuning" // firewall knows no results of before 0.4.0
	}
	return f.network(t, name+".conflist", fmt.Sprintf(`{"cniVersion": %q, "name": %q, "plugins": [
		{"type": "bridge", "bridge": "br%d", "isGateway": true, "ipMasq": true, "ipMasqBackend": "nftables",
		 "ipam": {"type": "host-local", "subnet": "10.88.%d.0/24", "routes": [{"dst": "0.0.0.0/0"}]}},
		{"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": true}},
		{"type": %q, "backend": "nftables"}]}`, version, name, number, number, last))
}

// plain is a network whose attachments leave a lease, and no record.
func (f *forgetful) plain(t *testing.T) list {
	t.Helper()
	return f.network(t, "plain.conflist", `{"cniVersion": "1.0.0", "name": "plain", "plugins": [
		{"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.89.0.0/24"}}]}`)
}

// cached is what libcni keeps of an attachment.
type cached struct {
	Kind           string                     `json:"kind"`
	ContainerID    string                     `json:"containerId"`
	Config         []byte                     `json:"config"`
	IfName         string                     `json:"ifName"`
	NetworkName    string                     `json:"networkName"`
	Netns          string                     `json:"netns"`
	CapabilityArgs map[string]json.RawMessage `json:"capabilityArgs"`
	Result         json.RawMessage            `json:"result"`
}

// calls returns those of the plugins of an attachment.
func (f *forgetful) calls(t *testing.T, c cached) []node.Call {
	t.Helper()
	var network struct {
		CNIVersion string                       `json:"cniVersion"`
		Name       string                       `json:"name"`
		Plugins    []map[string]json.RawMessage `json:"plugins"`
	}
	if err := json.Unmarshal(c.Config, &network); err != nil {
		t.Fatal(err)
	}
	var calls []node.Call
	for _, conf := range network.Plugins {
		text, err := json.Marshal(conf)
		if err != nil {
			t.Fatal(err)
		}
		call := node.Call{
			Plugin: strings.Trim(string(conf["type"]), `"`), Config: string(text),
			ContainerID: c.ContainerID, Netns: c.Netns, IfName: c.IfName,
		}
		call = call.With("name", fmt.Appendf(nil, "%q", network.Name)).With("cniVersion", fmt.Appendf(nil, "%q", network.CNIVersion))
		if conf["capabilities"] != nil {
			call = call.With("runtimeConfig", fmt.Appendf(nil, `{"portMappings": %s}`, c.CapabilityArgs["portMappings"]))
		}
		if f.upstreams {
			_, call = upstreams(t, call)
		}
		calls = append(calls, call)
	}
	return calls
}

// add adds a container with a port of the host, and keeps what libcni keeps.
func (f *forgetful) add(t *testing.T, l list, to *node.Container, port int) cached {
	t.Helper()
	return f.addAs(t, l, to, "eth0", port)
}

func (f *forgetful) addAs(t *testing.T, l list, to *node.Container, ifName string, port int) cached {
	t.Helper()
	text, err := os.ReadFile(string(l))
	if err != nil {
		t.Fatal(err)
	}
	c := cached{
		Kind: "cniCacheV1", ContainerID: filepath.Base(to.Path), Config: text, IfName: ifName, Netns: to.Path,
		NetworkName: strings.TrimSuffix(filepath.Base(string(l)), ".conflist"),
		CapabilityArgs: map[string]json.RawMessage{
			"portMappings": fmt.Appendf(nil, `[{"hostPort": %d, "containerPort": 80, "protocol": "tcp"}]`, port),
		},
	}
	for _, call := range f.calls(t, c) {
		if c.Result != nil {
			call = call.With("prevResult", c.Result)
		}
		c.Result = f.Must(t, "ADD", call)
	}
	text, err = json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	f.Exec(t, "sh", "-ec", `mkdir -p /var/lib/cni/results; printf %s "$0" >"$1"`, string(text), c.path())
	return c
}

func (c cached) path() string {
	return fmt.Sprintf("/var/lib/cni/results/%s-%s-%s", c.NetworkName, c.ContainerID, c.IfName)
}

func (f *forgetful) check(t *testing.T, c cached) {
	t.Helper()
	for _, call := range f.calls(t, c) {
		f.Must(t, "CHECK", call.With("prevResult", c.Result))
	}
}

// collect runs the command, and returns what it prints.
func (f *forgetful) collect(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return f.Try(f.bundle, append([]string{"gc", "--netns", "/run/netns", "--conf-dir", f.confs, "--bin-dir", f.bin}, args...)...)
}

// expect runs the command, which must print that.
func (f *forgetful) expect(t *testing.T, want string, args ...string) {
	t.Helper()
	if out, err := f.collect(t, args...); err != nil || out != want {
		t.Errorf("gc %q: %v\n%s, want\n%s", args, err, out, want)
	}
}

// same compares the node with an earlier picture of it.
func (f *forgetful) same(t *testing.T, when string, before hoststate.State, ignore ...*regexp.Regexp) {
	t.Helper()
	if diff := hoststate.Diff(before, f.State(t), append(ignore, node.Lasting(), late())...); diff != "" {
		t.Errorf("%s:\n%s", when, diff)
	}
}

// dying matches the interfaces of a namespace that is gone, which the kernel removes some
// time later.
func dying() *regexp.Regexp {
	return regexp.MustCompile(`^host (features|links|qdiscs|routes|addresses): .*veth`)
}

// What attachments had whose namespace is gone is removed, and nothing of others, whatever
// version the network has, and whatever has become of its configuration.
func TestCollect(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			f := newForgetful(t)
			if version == "1.0.0" { // with plugins that need not be started
				f.bin = "/run/bin"
				f.Exec(t, f.bundle, "install", "--bin-dir", f.bin)
				f.bundle = f.bin + "/cni-plugins"
			}
			one, two := f.chained(t, version, "one", 1), f.chained(t, version, "two", 2)
			first, other := f.Container(t, "first"), f.Container(t, "other")
			kept := f.add(t, one, first, 8080)
			f.add(t, two, other, 8081)
			before := f.State(t)
			for i, l := range []list{one, two} {
				c := f.Container(t, fmt.Sprintf("gone%d", i+1))
				f.add(t, l, c, 8082+i)
				c.Remove(t)
			}
			if err := os.Remove(filepath.Join(f.confs, "two.conflist")); err != nil {
				t.Fatal(err)
			}
			full := f.State(t)
			f.expect(t, "would remove interface eth0 of container gone1 in network one\n"+
				"would remove interface eth0 of container gone2 in network two\n"+
				"attachments that live: 2, that are gone: 2\n", "--dry-run")
			f.same(t, "after a dry run", full, dying())
			f.expect(t, "removed interface eth0 of container gone1 in network one\n"+
				"removed interface eth0 of container gone2 in network two\n"+
				"attachments that live: 2, that are gone: 2\n")
			f.same(t, "after gc", before)
			f.expect(t, "attachments that live: 2, that are gone: 0\n")
			f.same(t, "after another gc", before)
			if version != "0.3.1" {
				f.check(t, kept)
			}
		})
	}
}

// Plugins of a network that have files of their own are none of what libcni keeps.
func TestCollectPluginsOfFiles(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	before := f.State(t)
	plain := f.plain(t)
	c := f.Container(t, "gone")
	attachment := f.add(t, plain, c, 8080)
	attachment.Config = []byte(`{"cniVersion": "1.0.0", "name": "plain", "plugins": []}`)
	text, err := json.Marshal(attachment)
	if err != nil {
		t.Fatal(err)
	}
	f.Exec(t, "sh", "-ec", `printf %s "$0" >"$1"`, string(text), attachment.path())
	writeFiles(t, f.confs, map[string]string{"plain.conflist": string(attachment.Config)})
	c.Remove(t)
	full := f.State(t)
	if out, err := f.collect(t); err == nil || !strings.Contains(err.Error(), "the plugins that it had are no longer in "+f.confs) {
		t.Errorf("without the files: %v, %s", err, out)
	}
	f.same(t, "without the files", full, dying())
	writeFiles(t, f.confs, map[string]string{"plain/10.conf": `{"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.89.0.0/24"}}`})
	f.expect(t, "removed interface eth0 of container gone in network plain\nattachments that live: 0, that are gone: 1\n")
	f.same(t, "after gc", before, regexp.MustCompile(`/var/lib/cni/results drwx`))
}

// Of what libcni knows nothing, the plugins' own records tell whether it is gone.
func TestCollectByRecords(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	one := f.chained(t, "1.0.0", "one", 1)
	f.Exec(t, "rm", f.add(t, one, f.Container(t, "kept"), 8080).path())
	before := f.State(t)
	gone := f.Container(t, "gone")
	f.Exec(t, "rm", f.add(t, one, gone, 8081).path())
	f.expect(t, "attachments that live: 0, that are gone: 0\n")
	gone.Remove(t)
	f.expect(t, "removed interface eth0 of container gone in network one\nattachments that live: 0, that are gone: 1\n")
	f.same(t, "after gc", before)
}

// What no attachment and no record is known of may be of an ADD that runs. It goes where
// nothing is added, unless a namespace or what cannot be read may have an attachment.
func TestCollectUnknown(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	plain := f.plain(t)
	kept := f.add(t, plain, f.Container(t, "kept"), 8080)
	before := f.State(t)
	gone := f.Container(t, "gone")
	f.Exec(t, "rm", f.add(t, plain, gone, 8081).path())
	f.expect(t, "attachments that live: 1, that are gone: 0\nleft what no attachment is known of: "+
		"there may be attachments of namespaces of which /var/lib/cni does not tell: /run/netns/gone\n", "--idle")
	gone.Remove(t)
	full := f.State(t)
	f.expect(t, "attachments that live: 1, that are gone: 0\n")
	f.same(t, "after gc of what may be being added", full, dying())

	const unreadable = "/var/lib/cni/results/plain-old-eth0"
	f.Exec(t, "sh", "-c", `echo '{"ip4": {"ip": "10.89.0.9/24"}}' >`+unreadable)
	full = f.State(t)
	if out, err := f.collect(t, "--idle"); err == nil || !strings.Contains(err.Error(), unreadable+": no attachment as libcni has kept them since 0.8") {
		t.Errorf("with an unreadable attachment: %v, %s", err, out)
	}
	f.same(t, "after gc with an unreadable attachment", full, dying())
	f.Exec(t, "rm", unreadable)

	f.expect(t, "attachments that live: 1, that are gone: 0\nwould call GC of ptp in network plain with 1 valid attachments\n", "--idle", "--dry-run")
	f.expect(t, "attachments that live: 1, that are gone: 0\n", "--idle")
	f.same(t, "after gc of an idle node", before)
	f.check(t, kept)
}

// An older libcni kept no path of the namespace. A namespace may be elsewhere than the
// runtime says. Who does not see the host's files is to say where.
func TestCollectNamespaces(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	plain := f.plain(t)
	f.add(t, plain, f.Container(t, "kept"), 8080)
	before := f.State(t)
	gone := f.Container(t, "gone")
	f.add(t, plain, gone, 8081)
	f.Exec(t, "sed", "-i", `s|"netns":"[^"]*",||; s|/run/netns|/var/run/elsewhere|g`,
		"/var/lib/cni/results/plain-kept-eth0", "/var/lib/cni/results/plain-gone-eth0")
	if out, err := f.Try(f.bundle, "gc"); err == nil || !strings.Contains(err.Error(), "name the directories of namespaces by --netns") {
		t.Errorf("without -netns: %v, %s", err, out)
	}
	f.expect(t, "attachments that live: 2, that are gone: 0\n")
	gone.Remove(t)
	f.expect(t, "removed interface eth0 of container gone in network plain\nattachments that live: 1, that are gone: 1\n")
	f.same(t, "after gc", before, regexp.MustCompile(`results/plain-kept-eth0`))
}

// Configurations are read as runtimes read them, and a broken one keeps nobody from
// removing what is of another network.
func TestCollectConfigurations(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	const ipam = `"ipam": {"type": "host-local", "subnet": "10.89.0.0/24"}`
	writeFiles(t, f.confs, map[string]string{
		"10-a.conf":      `{"cniVersion": "0.3.1", "name": "a", "type": "ptp", ` + ipam + `}`,
		"20-b.json":      `{"cniVersion": "1.1.0", "name": "b", "type": "macvlan", ` + ipam + `}`,
		"30-c.conflist":  `{"cniVersion": "1.0.0", "name": "c", "plugins": [{"type": "ptp"}], "loadOnlyInlinedPlugins": true}`,
		"40-d.conflist":  `{"cniVersion": "1.0.0", "name": "d", "plugins": [{"type": "ptp"}]}`,
		"50-e.conflist":  `{"cniVersion": "1.1.0", "name": "e", "disableGC": true, "plugins": [{"type": "ptp"}]}`,
		"60-a.conflist":  `{"cniVersion": "1.0.0", "name": "a", "plugins": [{"type": "bridge"}]}`,
		"70-f.conflist":  `{"cniVersion": "1.0.0", "name": "f",`,
		"80-g.conflist~": `{`,
		"c/10.conf":      `{"type": "tuning"}`,
		"d/10.conf":      `{"type": "tuning"}`,
	})
	out, err := f.collect(t, "--idle", "--dry-run")
	if err == nil || !strings.Contains(err.Error(), "/70-f.conflist: unexpected end of JSON input") {
		t.Errorf("of a broken configuration: %v, %s", err, out)
	}
	if err := os.Remove(filepath.Join(f.confs, "70-f.conflist")); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("attachments that live: 0, that are gone: 0\n")
	for _, call := range []string{"ptp in network a", "macvlan in network b", "ptp in network c", "ptp in network d", "tuning in network d"} {
		fmt.Fprintf(&want, "would call GC of %s with 0 valid attachments\n", call)
	}
	f.expect(t, want.String(), "--idle", "--dry-run")
}
