package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// source is an executable that is to be installed.
type source struct {
	path string
	// names are what it is called by: one, unless it has several plugins.
	names []string
}

// sources returns what there is to install. What else is in the directory is none of
// ours.
func (o options) sources() ([]source, error) {
	if o.from == "" {
		return []source{{"/proc/self/exe", o.names}}, nil
	}
	var sources []source
	var infos []fs.FileInfo
	for _, name := range o.names {
		path := filepath.Join(o.from, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s is not a file", path)
		}
		i := slices.IndexFunc(infos, func(other fs.FileInfo) bool { return os.SameFile(info, other) })
		if i >= 0 {
			sources[i].names = append(sources[i].names, name)
			continue
		}
		infos = append(infos, info)
		sources = append(sources, source{path, []string{name}})
	}
	if sources == nil {
		return nil, fmt.Errorf("%s has none of the plugins", o.from)
	}
	return sources, nil
}

// podmanDirs are where Podman looks for plugins, in this order, unless it is configured
// otherwise.
var podmanDirs = []string{"/usr/local/libexec/cni", "/usr/libexec/cni", "/usr/local/lib/cni", "/usr/lib/cni", "/opt/cni/bin"}

// overshadowing returns the first of the directories before dir that has plugins of these
// names, such as that of Debian's package, or nothing.
func overshadowing(dirs []string, dir string, names []string) string {
	own, err := os.Stat(dir)
	if err != nil {
		return ""
	}
	for _, other := range dirs[:max(0, slices.Index(dirs, dir))] {
		info, err := os.Stat(other)
		if err == nil && os.SameFile(own, info) {
			return "" // by a symbolic link
		}
		if hasAny(other, names) {
			return other
		}
	}
	return ""
}

// hasAny reports whether one of the names is in the directory.
func hasAny(dir string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}
