package libcni

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

// Directories are those in which the namespaces of containers are, beside where the runtime
// says. It is a flag that may be given again.
type Directories []string

func (d *Directories) String() string { return fmt.Sprint(*d) }

// Set adds a directory.
func (d *Directories) Set(value string) error {
	if _, err := os.ReadDir(value); err != nil {
		return err
	}
	*d = append(*d, value)
	return nil
}

// Open opens the namespace at a path that a runtime has named.
func (d Directories) Open(path string) (namespace ns.NetNS, err error) {
	for _, place := range d.places(path) {
		if namespace, err = ns.GetNS(place); err == nil {
			return namespace, nil
		}
	}
	return nil, err
}

// SeesHost reports whether the paths that runtimes name are what they are to the
// first process of the node.
func SeesHost() bool {
	var own, first unix.Stat_t
	return sandbox.SeesAll() && unix.Stat("/proc/self/ns/mnt", &own) == nil && unix.Stat("/proc/1/ns/mnt", &first) == nil && own.Ino == first.Ino
}

// IsGone reports whether there is no namespace where that at path may be. What cannot be
// told is not gone.
func (d Directories) IsGone(path string, host bool) bool {
	if path == "" || ofProcess(path) && !host {
		return false
	}
	return !slices.ContainsFunc(d.places(path), func(place string) bool {
		_, err := inode(place)
		return !ns.IsGone(err) || isMountedElsewhere(place)
	})
}

// isMountedElsewhere reports whether some process sees a namespace at a path where there is
// another file here, or cannot be asked: a runtime may have mounts of its own.
func isMountedElsewhere(path string) bool {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	seen := map[string]bool{}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	return slices.ContainsFunc(processes, func(process string) bool {
		mounts, err := os.Readlink(process + "/ns/mnt")
		if err != nil || seen[mounts] {
			return errors.Is(err, fs.ErrPermission)
		}
		seen[mounts] = true
		_, err = inode(process + "/root" + path)
		return !ns.IsGone(err)
	})
}

// places returns the paths of the namespace at path: that one, and its name in the
// directories of namespaces.
func (d Directories) places(path string) []string {
	places := []string{path}
	if !ofProcess(path) {
		for _, dir := range d {
			places = append(places, filepath.Join(dir, filepath.Base(path)))
		}
	}
	return places
}

// ofProcess reports whether a path is that of a process, which has another number, or
// none, for those who do not see all.
func ofProcess(path string) bool { return strings.HasPrefix(path, "/proc/") }

// inode returns what identifies the network namespace at path.
func inode(path string) (uint64, error) {
	namespace, err := ns.GetNS(path)
	if err != nil {
		return 0, err
	}
	defer namespace.Close()
	return ns.Inode(namespace)
}

// Strangers returns the paths of namespaces that are none of the attachments', as far as
// they have a path where runtimes keep them.
func (d Directories) Strangers(live []Attachment) ([]string, error) {
	known := map[uint64]bool{}
	for _, a := range live {
		for _, path := range d.places(a.Namespace()) {
			if number, err := inode(path); err == nil {
				known[number] = true
			}
		}
	}
	paths, err := d.kept()
	if err != nil {
		return nil, fmt.Errorf("look which namespaces there are: %w", err)
	}
	return slices.DeleteFunc(paths, func(path string) bool {
		number, err := inode(path)
		seen := err != nil || known[number]
		known[number] = true
		return seen
	}), nil
}

// kept returns the paths at which there may be namespaces of containers.
func (d Directories) kept() ([]string, error) {
	var paths []string
	for path := range sandbox.Paths() {
		if ofProcess(path) { // these come last
			break
		}
		paths = append(paths, path)
	}
	for _, dir := range d {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}
