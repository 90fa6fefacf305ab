// Package sysctl reads and writes kernel parameters below /proc/sys. Those
// below net are of the network namespace that the calling thread is in.
package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// root is where the kernel has them.
const root = "/proc/sys"

// Sysctl returns the value of the parameter name, without its final newline.
// With one value in params, it writes that first and returns what the kernel
// made of it.
//
// name is in the notation of sysctl(8): if the first separator in it is a dot,
// dots separate and slashes stand for dots, as in "net.ipv4.conf.eth0/1.mtu"
// for the interface eth0.1; if it is a slash, slashes separate and dots are
// dots, as in "net/ipv4/conf/eth0.1/mtu".
func Sysctl(name string, params ...string) (string, error) {
	if len(params) > 1 {
		return "", errors.New("unexcepted additional parameters")
	}
	path, err := pathOf(name)
	if err != nil {
		return "", err
	}
	if len(params) == 1 {
		if err := write(path, params[0]); err != nil {
			return "", err
		}
	}
	return read(path)
}

// Set writes the parameter name, which is as Sysctl's.
func Set(name, value string) error {
	path, err := pathOf(name)
	if err != nil {
		return err
	}
	return write(path, value)
}

// Ensure writes the parameter unless that is its value: /proc/sys may be read-only
// on a node that was set up in advance. Its error names the value, too, which
// somebody has to set there then.
func Ensure(name, value string) error {
	if present, err := Sysctl(name); err == nil && present == value {
		return nil
	}
	if err := Set(name, value); err != nil {
		return fmt.Errorf("set %s to %q: %w", name, value, err)
	}
	return nil
}

// Prefer is Ensure for a value that all works without, if less well: an error is a
// line on standard error. A parameter that there is not, as in a kernel without the
// protocol, is none.
func Prefer(name, value string) {
	if err := Ensure(name, value); err != nil && !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "go on, but did not %v\n", err)
	}
}

// IsForbidden reports whether an error says that the surroundings, and no trouble of the
// moment, keep a parameter from being set: /proc/sys is read-only, as in most containers,
// or a security module or missing capabilities forbid it.
func IsForbidden(err error) bool {
	return errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission)
}

// Settable returns the error that Set would have before it writes.
func Settable(name string) error {
	path, err := pathOf(name)
	if err != nil {
		return err
	}
	file, err := unpolled.Open(path, unix.O_WRONLY)
	if err != nil {
		return explain(err, path)
	}
	return file.Close()
}

// BootID identifies the time until the host starts anew (random(4)).
func BootID() (string, error) { return Sysctl("kernel/random/boot_id") }

func pathOf(name string) (string, error) {
	relative := strings.TrimLeft(slashes(name), "/")
	if !filepath.IsLocal(relative) {
		return "", fmt.Errorf("sysctl %q is not below /proc/sys", name)
	}
	return filepath.Join(root, relative), nil
}

func read(path string) (string, error) {
	value, err := unpolled.ReadFile(path)
	return strings.TrimSuffix(string(value), "\n"), explain(err, path)
}

// explain returns another error than fs.ErrNotExist about a parameter where no parameter can
// be seen at all, as in a sandbox that hides /proc/sys: that the kernel has none nobody can tell.
func explain(err error, path string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	relative := strings.TrimPrefix(path, root+"/")
	first, _, _ := strings.Cut(relative, "/")
	if _, missing := os.Lstat(filepath.Join(root, first)); missing == nil || first == relative {
		return err
	}
	return fmt.Errorf("no parameter can be seen: %s is missing", filepath.Join(root, first))
}

// write does not create the file: procfs answers that with an error that is not
// "no such file".
func write(path, value string) error {
	file, err := unpolled.Open(path, unix.O_WRONLY)
	if err != nil {
		return explain(err, path)
	}
	if value == "" { // of no bytes at all the kernel takes no notice
		value = "\n"
	}
	_, err = file.WriteString(value)
	return errors.Join(err, file.Close())
}

// slashes returns name as a path.
func slashes(name string) string {
	first := strings.IndexAny(name, "./")
	if first < 0 || name[first] == '/' {
		return name
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, name)
}
