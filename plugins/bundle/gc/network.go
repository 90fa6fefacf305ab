package gc

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/record"
)

// network is a configuration for runtimes (CNI specification, section 1).
type network struct {
	Name        string   `json:"name"`
	Version     string   `json:"cniVersion"`
	Versions    []string `json:"cniVersions"`
	DisableGC   boolean  `json:"disableGC"`
	InlinedOnly boolean  `json:"loadOnlyInlinedPlugins"`
	Plugins     []conf   `json:"plugins"`
}

// conf is the configuration of a plugin, by its keys.
type conf map[string]json.RawMessage

// boolean is one that may be written as a string, too.
type boolean bool

func (b *boolean) UnmarshalJSON(text []byte) error {
	return json.Unmarshal([]byte(strings.ToLower(strings.Trim(string(text), `"`))), (*bool)(b))
}

// get returns the value of a key that is a string, or an empty one.
func (c conf) get(key string) string {
	var value string
	_ = json.Unmarshal(c[key], &value)
	return value
}

// readNetworks returns the configurations in a directory in the order in which runtimes
// take them, those of files that can be read. Of two networks of a name, it is the first
// that counts.
func readNetworks(dir string) ([]network, error) {
	paths, err := filesWith(dir, ".conf", ".conflist", ".json")
	errs := []error{err}
	var networks []network
	for _, path := range paths {
		n, err := readNetwork(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
			continue
		}
		if find(networks, n.Name) == nil {
			networks = append(networks, n)
		}
	}
	return networks, errors.Join(errs...)
}

// filesWith returns the paths of the files in a directory, if there is one, whose names
// end in one of these ways.
func filesWith(dir string, extensions ...string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if record.IsMissing(err) {
		return nil, nil
	}
	var paths []string
	for _, e := range entries {
		if !e.IsDir() && slices.Contains(extensions, filepath.Ext(e.Name())) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, err
}

// readNetwork reads a file. A list may have plugins in files of their own, in a directory
// of the network's name.
func readNetwork(path string) (network, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return network{}, err
	}
	n, err := parseNetwork(text)
	if err != nil || n.InlinedOnly || filepath.Ext(path) != ".conflist" {
		return n, err
	}
	paths, err := filesWith(filepath.Join(filepath.Dir(path), n.Name), ".conf")
	if err != nil {
		return n, err
	}
	for _, path := range paths {
		var c conf
		found, err := record.Read(path, &c)
		if err == nil && (!found || c.get("type") == "") {
			err = fmt.Errorf("%s is no configuration of a plugin", path)
		}
		if err != nil {
			return n, err
		}
		n.Plugins = append(n.Plugins, c)
	}
	return n, nil
}

// parseNetwork reads a list of plugins' configurations, or that of one plugin.
func parseNetwork(text []byte) (network, error) {
	var n network
	if err := json.Unmarshal(text, &n); err != nil {
		return n, err
	}
	var single conf
	if err := json.Unmarshal(text, &single); err != nil {
		return n, err
	}
	if single["type"] != nil && n.Plugins == nil {
		n.Plugins = []conf{single}
	}
	for _, c := range n.Plugins {
		if c.get("type") == "" {
			return n, errors.New(`a plugin has no "type"`)
		}
	}
	if n.Name == "" {
		return n, errors.New(`it has no "name"`)
	}
	return n, n.choose()
}

// choose sets the version to the latest one that the list has, and that is known.
func (n *network) choose() error {
	for _, v := range n.Versions {
		unknown, err := version.GreaterThan(v, version.Current())
		if err != nil {
			return err
		}
		later, err := version.GreaterThan(v, n.Version)
		if err != nil {
			return err
		}
		if later && !unknown {
			n.Version = v
		}
	}
	return nil
}

// find returns the network of the name, or nil.
func find(networks []network, name string) *network {
	i := slices.IndexFunc(networks, func(n network) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &networks[i]
}
