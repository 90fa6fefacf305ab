package sandbox

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
)

// Paths yields a path of each network namespace of the node, which is one that has a path
// where runtimes keep them, or that a process is in. The former come first.
func Paths() iter.Seq[string] {
	return func(yield func(string) bool) {
		seen := map[uint64]bool{}
		for _, pattern := range []string{"/run/netns/*", "/run/docker/netns/*", "/proc/[0-9]*/ns/net"} {
			paths, _ := filepath.Glob(pattern) // there is no other error than that of a pattern
			for _, path := range paths {
				var stat unix.Stat_t
				if unix.Stat(path, &stat) != nil || seen[stat.Ino] {
					continue
				}
				seen[stat.Ino] = true
				if !yield(path) {
					return
				}
			}
		}
	}
}

// Addresses returns the addresses that interfaces have in any network namespace of the
// node.
func Addresses() (map[netip.Addr]bool, error) {
	all := map[netip.Addr]bool{}
	for path := range Paths() {
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
