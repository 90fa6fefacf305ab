package commands

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// configurations collects the networks for which configurations name host-local.
type configurations struct {
	networks []network
	warn     io.Writer
}

// named is a network configuration, or a list of them, as far as it leads to host-local.
type named struct {
	Name       string            `json:"name"`
	CNIVersion string            `json:"cniVersion"`
	IPAM       json.RawMessage   `json:"ipam"`
	Plugins    []json.RawMessage `json:"plugins"`
	// OnlyInlined says of a list that there are no plugins of it in files of their own
	// (CNI library 1.3).
	OnlyInlined bool `json:"loadOnlyInlinedPlugins"`
	// Delegates are the networks of Multus, with or without a name of their own.
	Delegates    []json.RawMessage `json:"delegates"`
	Capabilities struct {
		IPRanges bool `json:"ipRanges"`
	} `json:"capabilities"`
}

// read reads the configuration at path, or those in a directory at path, in the order
// in which runtimes read them, or that on standard input for "-".
func (c *configurations) read(path string) error {
	if path == "-" {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		_, err = c.take("standard input", text, named{})
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return c.readFile(path, named{})
	}
	return c.readDir(path, named{}, ".conf", ".conflist", ".json")
}

func (c *configurations) readDir(dir string, outer named, extensions ...string) error {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() || !slices.Contains(extensions, filepath.Ext(entry.Name())) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if err := c.readFile(path, outer); err != nil {
			c.skip(err)
		}
	}
	return nil
}

// readFile reads a file and, if it has a list, the files beside it that belong to that.
func (c *configurations) readFile(path string, outer named) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	conf, err := c.take(path, text, outer)
	if err != nil {
		return err
	}
	if filepath.Ext(path) != ".conflist" || conf.OnlyInlined || conf.Name == "" {
		return nil
	}
	dir := filepath.Join(filepath.Dir(path), conf.Name)
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	return c.readDir(dir, conf, ".conf")
}

// take adds the networks of a configuration. What it leaves out, it has of outer.
func (c *configurations) take(path string, text []byte, outer named) (named, error) {
	var conf named
	if err := json.Unmarshal(text, &conf); err != nil {
		return conf, fmt.Errorf("%s: %w", path, err)
	}
	conf.Name, conf.CNIVersion = cmp.Or(conf.Name, outer.Name), cmp.Or(conf.CNIVersion, outer.CNIVersion)
	for _, inner := range slices.Concat(conf.Plugins, conf.Delegates) {
		if _, err := c.take(path, inner, conf); err != nil {
			c.skip(err)
		}
	}
	var ipam struct {
		Type    string `json:"type"`
		DataDir string `json:"dataDir"`
	}
	if json.Unmarshal(conf.IPAM, &ipam) == nil && ipam.Type == "host-local" {
		c.add(network{conf.Name, disk.Path("", ipam.DataDir), c.ranges(path, conf)})
	}
	return conf, nil
}

// ranges returns the range sets of a configuration of host-local. There are none where
// the runtime says them with each call.
func (c *configurations) ranges(path string, conf named) []allocator.RangeSet {
	text, err := json.Marshal(map[string]any{"name": conf.Name, "cniVersion": conf.CNIVersion, "ipam": conf.IPAM})
	if err != nil {
		c.skip(fmt.Errorf("%s: %w", path, err))
		return nil
	}
	whole, _, err := allocator.LoadIPAMConfig(text, "")
	switch {
	case err == nil:
		return whole.Ranges
	case !conf.Capabilities.IPRanges:
		c.skip(fmt.Errorf("%s: %w", path, err))
	}
	return nil
}

// skip names what cannot be used, and does not keep the rest from being so.
func (c *configurations) skip(err error) { fmt.Fprintln(c.warn, err) }
