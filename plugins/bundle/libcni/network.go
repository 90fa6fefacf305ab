package libcni

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
	"github.com/containernetworking/plugins/pkg/unpolled"
)

// Network is a configuration for runtimes (CNI specification, section 1).
type Network struct {
	Name      string   `json:"name"`
	Version   string   `json:"cniVersion"`
	Versions  []string `json:"cniVersions"`
	DisableGC boolean  `json:"disableGC"`
	// DisableCheck says that CHECK is not to be called.
	DisableCheck boolean `json:"disableCheck"`
	InlinedOnly  boolean `json:"loadOnlyInlinedPlugins"`
	Plugins      []Conf  `json:"plugins"`

	// ofFiles are those plugins, the last ones, that have files of their own.
	ofFiles []Conf
}

// Conf is the configuration of a plugin, by its keys.
type Conf map[string]json.RawMessage

// boolean is one that may be written as a string, too.
type boolean bool

func (b *boolean) UnmarshalJSON(text []byte) error {
	return json.Unmarshal([]byte(strings.ToLower(strings.Trim(string(text), `"`))), (*bool)(b))
}

// Get returns the value of a key that is a string, or an empty one.
func (c Conf) Get(key string) string {
	var value string
	_ = json.Unmarshal(c[key], &value)
	return value
}

// IPAM returns the type of the plugin for addresses, if there is one.
func (c Conf) IPAM() string {
	var ipam Conf
	_ = json.Unmarshal(c["ipam"], &ipam)
	return ipam.Get("type")
}

// ReadNetworks returns the configurations in a directory in the order in which runtimes
// take them, those of files that can be read. Of two networks of a name, it is the first
// that counts.
func ReadNetworks(dir string) ([]Network, error) {
	paths, err := FilesWith(dir, ".conf", ".conflist", ".json")
	errs := []error{err}
	var networks []Network
	for _, path := range paths {
		n, err := readNetwork(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
			continue
		}
		if Find(networks, n.Name) == nil {
			networks = append(networks, n)
		}
	}
	return networks, errors.Join(errs...)
}

// FilesWith returns the paths of the files in a directory, if there is one, whose names
// end in one of these ways, in the order of their names.
func FilesWith(dir string, extensions ...string) ([]string, error) {
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
func readNetwork(path string) (Network, error) {
	text, err := unpolled.ReadFile(path)
	if err != nil {
		return Network{}, err
	}
	n, err := ParseNetwork(text)
	if err != nil || n.InlinedOnly || filepath.Ext(path) != ".conflist" {
		return n, err
	}
	err = n.addOfFiles(filepath.Dir(path))
	return n, err
}

// addOfFiles adds the plugins that have files of their own in the directory of the network, which
// is in that of configurations.
func (n *Network) addOfFiles(confDir string) error {
	paths, err := FilesWith(filepath.Join(confDir, n.Name), ".conf")
	if err != nil {
		return err
	}
	for _, path := range paths {
		var c Conf
		found, err := record.Read(path, &c)
		if err == nil && (!found || c.Get("type") == "") {
			err = fmt.Errorf("%s is no configuration of a plugin", path)
		}
		if err != nil {
			return err
		}
		n.ofFiles = append(n.ofFiles, c)
	}
	n.Plugins = append(n.Plugins, n.ofFiles...)
	return nil
}

// ParseNetwork reads a list of plugins' configurations, or that of one plugin.
func ParseNetwork(text []byte) (Network, error) {
	var n Network
	if err := json.Unmarshal(text, &n); err != nil {
		return n, err
	}
	var single Conf
	if err := json.Unmarshal(text, &single); err != nil {
		return n, err
	}
	if single["type"] != nil && n.Plugins == nil {
		n.Plugins = []Conf{single}
	}
	for _, c := range n.Plugins {
		if c.Get("type") == "" {
			return n, errors.New(`a plugin has no "type"`)
		}
	}
	if n.Name == "" {
		return n, errors.New(`it has no "name"`)
	}
	return n, n.choose()
}

// choose sets the version to the latest one that the list has, and that is known.
func (n *Network) choose() error {
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

// Find returns the network of the name, or nil.
func Find(networks []Network, name string) *Network {
	i := slices.IndexFunc(networks, func(n Network) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &networks[i]
}

// Added returns the network that an attachment was added to: as it was then, if libcni has kept
// that, else as it is now. libcni keeps nothing of plugins that have files of their own: they
// are those that there are now.
func Added(a Attachment, networks []Network, confDir string) (Network, error) {
	now := Find(networks, a.Network)
	switch {
	case a.Config == nil && now == nil:
		return Network{}, fmt.Errorf("there is no configuration in %s", confDir)
	case a.Config == nil:
		return *now, nil
	}
	n, err := ParseNetwork(a.Config)
	if err == nil && !bool(n.InlinedOnly) {
		if now != nil {
			n.Plugins = append(n.Plugins, now.ofFiles...)
		} else {
			err = n.addOfFiles(confDir)
		}
	}
	if err == nil && len(n.Plugins) == 0 {
		err = fmt.Errorf("the plugins that it had are no longer in %s", confDir)
	}
	return n, err
}
