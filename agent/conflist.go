package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"text/template"

	"github.com/containernetworking/cni/libcni"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/unpolled"
)

// conflistName sorts before what other networks call theirs: runtimes take the first.
const conflistName = "10-cni-plugins.conflist"

// The templates that are used unless one is given.
var (
	//go:embed templates/ptp.conflist
	ptpTemplate string
	//go:embed templates/bridge.conflist
	bridgeTemplate string
)

// facts are what a template of the conflist is filled with.
type facts struct {
	// PodCIDRs are those of this node.
	PodCIDRs []netip.Prefix
	// MTU for containers, in bytes.
	MTU int
}

// Ranges returns host-local's "ranges": a set of one range for each family.
func (f facts) Ranges() [][]map[string]string {
	var sets [][]map[string]string
	for _, cidr := range f.PodCIDRs {
		sets = append(sets, []map[string]string{{"subnet": cidr.String()}})
	}
	return sets
}

// Routes returns the "routes" of containers: a default route for each family.
func (f facts) Routes() []map[string]string {
	var routes []map[string]string
	for _, cidr := range f.PodCIDRs {
		routes = append(routes, map[string]string{"dst": netip.PrefixFrom(cidr.Addr(), 0).Masked().String()})
	}
	return routes
}

// conflist is the network configuration of the node, which is what makes it ready.
type conflist struct {
	// template is the path of a text/template file. Empty: builtin.
	template string
	builtin  string
	confDir  string
	binDir   string
}

func (c conflist) path() string { return filepath.Join(c.confDir, conflistName) }

// temporary is what the configuration is called before it is in its place, which no runtime
// reads.
func (c conflist) temporary() string { return filepath.Join(c.confDir, "."+conflistName+".new") }

// write puts the configuration in its place, unless it is there. Before, all plugins that
// it names must be: a runtime that reads it calls them.
func (c conflist) write(f facts) error {
	text, err := c.render(f)
	if err != nil {
		return err
	}
	list, err := libcni.ConfListFromBytes(text)
	if err != nil {
		return fmt.Errorf("template of the conflist: %w", err)
	}
	if err := c.havePlugins(list); err != nil {
		return err
	}
	there, err := unpolled.ReadFile(c.path())
	if err != nil || !bytes.Equal(there, text) {
		if err := c.place(text); err != nil {
			return err
		}
	}
	return c.isFirst()
}

// isFirst returns an error if runtimes take another configuration, as of a network that was
// there before.
func (c conflist) isFirst() error {
	entries, err := os.ReadDir(c.confDir) // in order
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if name < conflistName && slices.Contains([]string{".conf", ".conflist", ".json"}, filepath.Ext(name)) {
			return fmt.Errorf("%s/%s comes before %s: runtimes take that one, as long as it is there", c.confDir, name, conflistName)
		}
	}
	return nil
}

// place puts a text in the place of the configuration. It is complete, and on the disk,
// before. From there it must be renamed: containerd does not notice files that are linked, or
// moved from another directory.
func (c conflist) place(text []byte) error {
	if err := record.Write(c.temporary(), text); err != nil {
		return err
	}
	return os.Rename(c.temporary(), c.path())
}

// remove removes the configuration, and what an agent that was killed has left of one.
func (c conflist) remove() error {
	return errors.Join(record.Remove(c.path()), record.Remove(c.temporary()))
}

// drain takes host-local's ranges out of the configuration: the runtime then calls the node
// not ready and starts no container, but can remove those that there are, for which it needs
// the rest. It reports whether there is a configuration.
func (c conflist) drain() (bool, error) {
	text, err := unpolled.ReadFile(c.path())
	if record.IsMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var list struct {
		Plugins []map[string]any `json:"plugins"`
	}
	all := map[string]any{}
	if err := errors.Join(json.Unmarshal(text, &list), json.Unmarshal(text, &all)); err != nil {
		return false, fmt.Errorf("%s: %w", c.path(), err)
	}
	for _, p := range list.Plugins {
		if ipam, ok := p["ipam"].(map[string]any); ok && ipam["type"] == "host-local" {
			delete(ipam, "subnet")
			ipam["ranges"] = []any{}
		}
	}
	all["plugins"] = list.Plugins
	drained, err := json.MarshalIndent(all, "", "  ")
	if err != nil || bytes.Equal(drained, text) {
		return true, err
	}
	return true, c.place(drained)
}

func (c conflist) render(f facts) ([]byte, error) {
	source := c.builtin
	if c.template != "" {
		text, err := os.ReadFile(c.template)
		if err != nil {
			return nil, err
		}
		source = string(text)
	}
	parsed, err := template.New("conflist").Option("missingkey=error").Funcs(template.FuncMap{"json": toJSON}).Parse(source)
	if err != nil {
		return nil, fmt.Errorf("template of the conflist: %w", err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, f); err != nil {
		return nil, fmt.Errorf("template of the conflist: %w", err)
	}
	return text.Bytes(), nil
}

func toJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

// havePlugins returns an error unless all plugins of the list are there, and loopback,
// which runtimes call for each container.
func (c conflist) havePlugins(list *libcni.NetworkConfigList) error {
	names := []string{"loopback"}
	for _, p := range list.Plugins {
		names = append(names, p.Network.Type)
		if p.Network.IPAM.Type != "" {
			names = append(names, p.Network.IPAM.Type)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if err := unix.Access(filepath.Join(c.binDir, name), unix.X_OK); err != nil {
			return fmt.Errorf("plugin %q in %s: %w", name, c.binDir, err)
		}
	}
	return nil
}
