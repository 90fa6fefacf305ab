package install

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// configuration is a network configuration for runtimes.
type configuration struct {
	name string
	text []byte
	mode fs.FileMode
}

// readConfiguration returns an error if runtimes would not read the file, or not
// understand it: one that is broken keeps a node from being ready.
func readConfiguration(path string) (*configuration, error) {
	if !slices.Contains([]string{".conflist", ".conf", ".json"}, filepath.Ext(path)) {
		return nil, fmt.Errorf("runtimes do not read %s: its name must end in .conflist, .conf or .json", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var network struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(text, &network); err != nil {
		return nil, fmt.Errorf("%s is not a network configuration: %w", path, err)
	}
	if network.Name == "" {
		return nil, fmt.Errorf(`%s is not a network configuration: it has no "name"`, path)
	}
	return &configuration{filepath.Base(path), text, info.Mode().Perm()}, nil
}
