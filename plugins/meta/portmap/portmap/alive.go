package portmap

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
)

// addressesOfNode returns the addresses that interfaces have in any network namespace
// of the node, which is one that a process is in, or that has a path where runtimes
// keep them.
func addressesOfNode() (map[string]bool, error) {
	all, seen := map[string]bool{}, map[uint64]bool{}
	for _, pattern := range []string{"/proc/[0-9]*/ns/net", "/run/netns/*", "/run/docker/netns/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			var stat unix.Stat_t
			if unix.Stat(path, &stat) != nil || seen[stat.Ino] {
				continue
			}
			seen[stat.Ino] = true
			if err := addAddresses(all, path); err != nil {
				return nil, fmt.Errorf("look which containers there are: %w", err)
			}
		}
	}
	return all, nil
}

// addAddresses adds those of the namespace at path, which may be gone by now.
func addAddresses(all map[string]bool, path string) error {
	n, err := link.Open(path)
	if ns.IsGone(err) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer n.Close()
	addresses, err := n.AddrList(nil, netlink.FAMILY_ALL)
	for _, a := range addresses {
		all[a.IP.String()] = true
	}
	return err
}
