package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/schema"
)

// Findings returns what is wrong with a network configuration for runtimes: that of a plugin
// or a list of them. find returns the judge of a plugin, or nil where there is none.
func Findings(text []byte, find func(name string) Judge) []schema.Finding {
	document, err := schema.Decode(text)
	if err != nil {
		return []schema.Finding{{Severity: schema.Error, Message: "this is no JSON: " + err.Error()}}
	}
	network, ok := document.(map[string]any)
	if !ok {
		return []schema.Finding{{Severity: schema.Error, Message: "this is no object"}}
	}
	found := nameFindings(network)
	plugins, isList := network["plugins"].([]any)
	if !isList {
		return append(found, pluginFindings(network, find)...)
	}
	found = append(found, listFindings(network, plugins)...)
	for i, p := range plugins {
		conf, ok := p.(map[string]any)
		if !ok {
			continue
		}
		for _, version := range versionsOf(network) {
			conf["name"], conf["cniVersion"] = network["name"], version
			for _, f := range pluginFindings(conf, find) {
				if f.Place == "cniVersion" {
					f.Place = ""
				}
				f.Place = schema.Within(fmt.Sprintf("plugins[%d]", i), f.Place)
				if !slices.Contains(found, f) {
					found = append(found, f)
				}
			}
		}
	}
	return found
}

// versionsOf returns the versions of the specification that a list may be used with.
func versionsOf(network map[string]any) []any {
	if versions, ok := network["cniVersions"].([]any); ok && len(versions) > 0 {
		return versions
	}
	return []any{network["cniVersion"]}
}

// nameFindings looks at a network's name, of which libcni and the specification (section 1)
// say what it may be.
func nameFindings(network map[string]any) []schema.Finding {
	name, _ := network["name"].(string)
	switch {
	case name == "":
		return []schema.Finding{{Severity: schema.Error, Message: `there is no "name"`}}
	case !owner.IsName(name):
		return []schema.Finding{{Severity: schema.Error, Place: "name", Message: fmt.Sprintf("%q is not letters, digits, and behind the first one _, . and -", name)}}
	}
	return nil
}

// listSchema is what the specification has for lists.
const listSchema = `{"properties": {
	"cniVersion": {"type": "string"},
	"cniVersions": {"type": "array", "items": {"type": "string"}},
	"name": {"type": "string"},
	"disableCheck": {"anyOf": [{"type": "boolean"}, {"type": "string"}]},
	"disableGC": {"anyOf": [{"type": "boolean"}, {"type": "string"}]},
	"loadOnlyInlinedPlugins": {"anyOf": [{"type": "boolean"}, {"type": "string"}]},
	"plugins": {"type": "array", "items": {"type": "object", "required": ["type"]}}
}}`

func listFindings(network map[string]any, plugins []any) []schema.Finding {
	s := new(schema.Schema)
	_ = json.Unmarshal([]byte(listSchema), s)
	found := s.Check(network)
	if len(plugins) == 0 && network["loadOnlyInlinedPlugins"] != false {
		found = append(found, schema.Finding{Severity: schema.Error, Place: "plugins", Message: "there is no plugin"})
	}
	return found
}

// pluginFindings has the plugin and its delegate judge a configuration.
func pluginFindings(conf map[string]any, find func(string) Judge) []schema.Finding {
	kind, _ := conf["type"].(string)
	delegate, _ := at(conf, "ipam", "type").(string)
	text, _ := json.Marshal(conf)
	var found []schema.Finding
	if kind == "" {
		return []schema.Finding{{Severity: schema.Error, Message: `there is no "type"`}}
	}
	if judge := find(kind); judge != nil {
		found = judge(text)
	}
	if delegate == "" || delegate == kind {
		return found
	}
	if judge := find(delegate); judge != nil {
		for _, f := range judge(text) {
			if strings.HasPrefix(f.Place, "ipam") && !slices.Contains(found, f) {
				found = append(found, f)
			}
		}
	}
	return found
}

// besides returns the judge of another plugin of the suite: one in this executable, or one in
// a file beside it, nil if there is none.
func besides(name string) Judge {
	if p := find(name); p != nil {
		return p.Judge
	}
	own, err := os.Executable()
	if err != nil || !slices.Contains(suite(), name) {
		return nil
	}
	path := filepath.Join(filepath.Dir(own), name)
	return func(conf []byte) []schema.Finding {
		var found []schema.Finding
		out, err := filter(path, conf)
		if err != nil || json.Unmarshal(out, &found) != nil {
			return nil // it is of another suite
		}
		return found
	}
}

// filter returns what the plugin at a path prints as its judgement. Its status does not matter.
func filter(path string, conf []byte) ([]byte, error) {
	var files [2]*os.File
	for i, name := range []string{"stdin", "stdout"} {
		fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
		if err != nil {
			return nil, err
		}
		files[i] = os.NewFile(uintptr(fd), name)
		defer files[i].Close()
	}
	if _, err := files[0].WriteAt(conf, 0); err != nil {
		return nil, err
	}
	process, err := os.StartProcess(path, []string{path, "validate", ownPart}, &os.ProcAttr{Files: []*os.File{files[0], files[1], os.Stderr}, Env: []string{}})
	if err != nil {
		return nil, err
	}
	if _, err := process.Wait(); err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(files[1], 0, 1<<20))
}

// suite are the names of all plugins that may be beside this one.
func suite() []string {
	return []string{
		"bandwidth", "bridge", "dhcp", "dummy", "firewall", "host-device", "host-local", "ipvlan", "loopback",
		"macvlan", "portmap", "ptp", "sbr", "static", "tap", "tuning", "vlan", "vrf",
	}
}
