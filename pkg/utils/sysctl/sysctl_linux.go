// Package sysctl reads and writes kernel parameters below /proc/sys. Those
// below net are of the network namespace that the calling thread is in.
package sysctl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

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
	relative := strings.TrimLeft(slashes(name), "/")
	if !filepath.IsLocal(relative) {
		return "", fmt.Errorf("sysctl %q is not below /proc/sys", name)
	}
	path := filepath.Join("/proc/sys", relative)
	if len(params) == 1 {
		if err := write(path, params[0]); err != nil {
			return "", err
		}
	}
	value, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(value), "\n"), nil
}

// write does not create the file, as os.WriteFile would: procfs answers that
// with an error that is not "no such file".
func write(path, value string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
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
