package sandbox

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
)

// Paths returns a path of each network namespace of the node, which is one that a process
// is in, or that has a path where runtimes keep them.
func Paths() ([]string, error) {
	var all []string
	seen := map[uint64]bool{}
	for _, pattern := range []string{"/proc/[0-9]*/ns/net", "/run/netns/*", "/run/docker/netns/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			var stat unix.Stat_t
			if unix.Stat(path, &stat) == nil && !seen[stat.Ino] {
				seen[stat.Ino] = true
				all = append(all, path)
			}
		}
	}
	return all, nil
}

// Addresses returns the addresses that interfaces have in any network namespace of the
// node.
func Addresses() (map[netip.Addr]bool, error) {
	paths, err := Paths()
	if err != nil {
		return nil, err
	}
	all := map[netip.Addr]bool{}
	for _, path := range paths {
		if err := addAddresses(all, path); err != nil {
			return nil, fmt.Errorf("look which containers there are: %w", err)
		}
	}
	return all, nil
}

// addAddresses adds those of the namespace at path, which may be gone by now.
func addAddresses(all map[netip.Addr]bool, path string) error {
	err := ns.WithNetNSPath(path, func(ns.NetNS) error {
		addresses, err := net.InterfaceAddrs()
		for _, a := range addresses {
			if network, ok := a.(*net.IPNet); ok {
				ip, _ := netip.AddrFromSlice(network.IP)
				all[ip.Unmap()] = true
			}
		}
		return err
	})
	if ns.IsGone(err) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// SeesAll reports whether this process sees all processes of the node: whether it is in
// the first namespace of processes, PROC_PID_INIT_INO in linux/proc_ns.h.
func SeesAll() bool {
	var stat unix.Stat_t
	return unix.Stat("/proc/self/ns/pid", &stat) == nil && stat.Ino == 0xeffffffc
}
