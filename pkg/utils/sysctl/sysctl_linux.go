// Package sysctl reads and writes kernel parameters below /proc/sys. Those
// below net are of the network namespace that the calling thread is in.
package sysctl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
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
// on a node that was set up in advance.
func Ensure(name, value string) error {
	if present, err := Sysctl(name); err == nil && present == value {
		return nil
	}
	return Set(name, value)
}

func pathOf(name string) (string, error) {
	relative := strings.TrimLeft(slashes(name), "/")
	if !filepath.IsLocal(relative) {
		return "", fmt.Errorf("sysctl %q is not below /proc/sys", name)
	}
	return filepath.Join("/proc/sys", relative), nil
}

// read and write do without os.File: the files of sysctls can be polled, and to have
// each watched takes twice as many system calls as to read it.
func read(path string) (string, error) {
	fd, err := open(path, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var value []byte
	for part := make([]byte, 512); ; {
		n, err := unix.Read(fd, part)
		if err != nil {
			return "", &os.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			return strings.TrimSuffix(string(value), "\n"), nil
		}
		value = append(value, part[:n]...)
	}
}

// write does not create the file: procfs answers that with an error that is not
// "no such file".
func write(path, value string) error {
	fd, err := open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(value)); err != nil {
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

func open(path string, flags int) (int, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
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
