package gc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

// sort tells the attachments whose namespace is certainly gone from the others.
func (o options) sort(cached []attachment) (live, gone []attachment, err error) {
	host := seesHost()
	if !host && len(o.netns) == 0 && len(cached) > 0 {
		return nil, nil, errors.New("this process sees other files than the host does: name the directories of namespaces by --netns")
	}
	for _, a := range cached {
		if o.isGone(a.namespace(), host) {
			gone = append(gone, a)
		} else {
			live = append(live, a)
		}
	}
	return live, gone, nil
}

// seesHost reports whether the paths that runtimes name are what they are to the
// first process of the node.
func seesHost() bool {
	var own, first unix.Stat_t
	return sandbox.SeesAll() && unix.Stat("/proc/self/ns/mnt", &own) == nil && unix.Stat("/proc/1/ns/mnt", &first) == nil && own.Ino == first.Ino
}

// isGone reports whether there is no namespace where that at path may be. What cannot be
// told is not gone.
func (o options) isGone(path string, host bool) bool {
	if path == "" || ofProcess(path) && !host {
		return false
	}
	return !slices.ContainsFunc(o.places(path), func(place string) bool {
		_, err := inode(place)
		return !ns.IsGone(err)
	})
}

// places returns the paths of the namespace at path: that one, and its name in the
// directories of namespaces.
func (o options) places(path string) []string {
	places := []string{path}
	if !ofProcess(path) {
		for _, dir := range o.netns {
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

// strangers returns the paths of namespaces that are none of the attachments', as far as
// they have a path where runtimes keep them.
func (o options) strangers(live []attachment) ([]string, error) {
	known := map[uint64]bool{}
	for _, a := range live {
		for _, path := range o.places(a.namespace()) {
			if number, err := inode(path); err == nil {
				known[number] = true
			}
		}
	}
	paths, err := o.kept()
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
func (o options) kept() ([]string, error) {
	var paths []string
	for path := range sandbox.Paths() {
		if ofProcess(path) { // these come last
			break
		}
		paths = append(paths, path)
	}
	for _, dir := range o.netns {
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
