package validate

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/schema"
	"github.com/containernetworking/plugins/plugins/bundle/libcni"
)

// configurations are what a runtime reads, and what is to be told of it.
type configurations struct {
	plugins  []*plugin.Plugin
	networks []network
	found    []Finding
	// files are all that were read, in their order.
	files []string
}

// network is a configuration for runtimes (CNI specification, section 1).
type network struct {
	file string

	Name        string            `json:"name"`
	CNIVersion  string            `json:"cniVersion"`
	OnlyInlined json.RawMessage   `json:"loadOnlyInlinedPlugins"`
	List        []json.RawMessage `json:"plugins"`

	plugins []conf
}

// conf is the configuration of a plugin, as far as it matters to others.
type conf struct {
	// file and place are where it is.
	file, place string
	keys        map[string]json.RawMessage

	Type         string          `json:"type"`
	Capabilities map[string]bool `json:"capabilities"`
	Bridge       string          `json:"bridge"`
	IPAM         struct {
		Type string `json:"type"`
	} `json:"ipam"`
}

func (c *configurations) tell(file string, severity schema.Severity, place, format string, args ...any) {
	if !slices.Contains(c.files, file) {
		c.files = append(c.files, file)
	}
	f := Finding{file, schema.Finding{Severity: severity, Place: place, Message: fmt.Sprintf(format, args...)}}
	if !slices.Contains(c.found, f) {
		c.found = append(c.found, f)
	}
}

func (c *configurations) warn(of conf, place, format string, args ...any) {
	c.tell(of.file, schema.Warning, schema.Within(of.place, place), format, args...)
}

// read reads a file, or the files in a directory in the order in which runtimes take them.
func (c *configurations) read(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		c.tell(path, schema.Error, "", "%v", err)
	case !info.IsDir():
		c.readFile(path)
	default:
		paths := c.filesWith(path, ".conf", ".conflist", ".json")
		if len(paths) == 0 {
			c.tell(path, schema.Warning, "", "there is no configuration: no file whose name ends in .conflist, .conf or .json")
		}
		for _, path := range paths {
			c.readFile(path)
		}
	}
}

func (c *configurations) filesWith(dir string, extensions ...string) []string {
	paths, err := libcni.FilesWith(dir, extensions...)
	if err != nil {
		c.tell(dir, schema.Error, "", "%v", err)
	}
	return paths
}

// readFile reads a file and, if it has a list, those with plugins of it.
func (c *configurations) readFile(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		c.tell(path, schema.Error, "", "%v", err)
		return
	}
	c.files = append(c.files, path)
	n := network{file: path}
	_ = json.Unmarshal(text, &n) // what is wrong, Findings tells
	isList := n.List != nil
	switch extension := filepath.Ext(path); {
	case !json.Valid(text): // which tells nothing of what was meant
	case extension == ".conflist" && !isList:
		c.tell(path, schema.Error, "", `there is no list "plugins", which runtimes want in a .conflist`)
	case extension == ".conf" && isList:
		c.tell(path, schema.Error, "", `there is a list "plugins", which runtimes want in a .conflist`)
	}
	c.judge(path, text)
	if isList {
		for i, text := range n.List {
			n.add(path, fmt.Sprintf("plugins[%d]", i), text)
		}
	} else {
		n.add(path, "", text)
	}
	if filepath.Ext(path) == ".conflist" && !isTrue(n.OnlyInlined) && n.Name != "" {
		c.readFolder(&n, filepath.Join(filepath.Dir(path), filepath.Base(n.Name)))
	}
	c.networks = append(c.networks, n)
}

// isTrue reads what may be a bool or a text.
func isTrue(value json.RawMessage) bool {
	return strings.EqualFold(strings.Trim(string(value), `"`), "true")
}

// readFolder reads the plugins of a list that have files of their own (CNI library 1.3).
func (c *configurations) readFolder(n *network, dir string) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return
	}
	for _, path := range c.filesWith(dir, ".conf") {
		text, err := os.ReadFile(path)
		if err != nil {
			c.tell(path, schema.Error, "", "%v", err)
			continue
		}
		var whole map[string]json.RawMessage
		if json.Unmarshal(text, &whole) == nil { // what it has of the list
			whole["name"], _ = json.Marshal(n.Name)
			whole["cniVersion"], _ = json.Marshal(n.CNIVersion)
			text, _ = json.Marshal(whole)
		}
		c.judge(path, text)
		n.add(path, "", text)
	}
}

func (n *network) add(file, place string, text []byte) {
	of := conf{file: file, place: place}
	_ = json.Unmarshal(text, &of)
	_ = json.Unmarshal(text, &of.keys)
	n.plugins = append(n.plugins, of)
}

// judge takes over what the plugins have to say.
func (c *configurations) judge(file string, text []byte) {
	for _, f := range plugin.Findings(text, c.find) {
		c.tell(file, f.Severity, f.Place, "%s", f.Message)
	}
}

func (c *configurations) find(name string) plugin.Judge {
	if p := c.plugin(name); p != nil {
		return p.Judge
	}
	return nil
}

// plugin returns the one of a name, or nil.
func (c *configurations) plugin(name string) *plugin.Plugin {
	i := slices.IndexFunc(c.plugins, func(p *plugin.Plugin) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return c.plugins[i]
}
