// Package sandbox tells of a record whether the container that it is about is still
// there. Records outlive containers: of those that other plugins delete, or nobody.
package sandbox

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// Sandbox identifies an interface in the network namespace of a container. The zero
// value stands for one of which nothing is known.
type Sandbox struct {
	// Netns is the path of the namespace, as those see it who are in the mount
	// namespace with the inode Mounts.
	Netns  string `json:"netns"`
	Mounts uint64 `json:"mounts"`
	// Boot identifies the time until the host starts anew, in which no other namespace
	// gets the same Cookie.
	Boot   string `json:"boot"`
	Cookie uint64 `json:"cookie"`
	// Index is that of the interface. The kernel counts them up. 0: not known.
	Index int `json:"index"`
}

// Of returns what identifies the interface of a container now.
func Of(netns, ifName string) (Sandbox, error) {
	boot, err := sysctl.BootID()
	if err != nil {
		return Sandbox{}, err
	}
	mounts, err := mountNamespace()
	if err != nil {
		return Sandbox{}, err
	}
	s := Sandbox{Netns: netns, Mounts: mounts, Boot: boot}
	s.Cookie, s.Index, err = look(netns, func() (int, error) { return netdev.IndexOf(ifName) })
	if err != nil {
		return Sandbox{}, err
	}
	return s, nil
}

// Available returns the error that Of would have whatever it is asked for.
func Available() error {
	_, err := sysctl.BootID()
	return err
}

// IsGone reports whether the namespace or the interface is certainly not there any
// longer. What cannot be told, as whoever made the record saw other files, is not gone.
func (s Sandbox) IsGone() bool {
	if s.Netns == "" {
		return false
	}
	boot, err := sysctl.BootID()
	if err != nil {
		return false
	}
	if boot != s.Boot {
		return true
	}
	if mounts, err := mountNamespace(); err != nil || mounts != s.Mounts {
		return false
	}
	cookie, index, err := look(s.Netns, func() (int, error) { _, err := netdev.NameOf(s.Index); return s.Index, err })
	if err != nil {
		return ns.IsGone(err)
	}
	return cookie != s.Cookie || s.Index != 0 && index == 0
}

// look returns the number of a namespace, and what find finds in it, which is 0 if there
// is no such interface.
func look(netns string, find func() (int, error)) (cookie uint64, index int, err error) {
	space, err := ns.GetNS(netns)
	if err != nil {
		return 0, 0, err
	}
	defer space.Close()
	err = space.Do(func(ns.NetNS) (err error) {
		if cookie, err = ns.Cookie(space); err != nil {
			return err
		}
		if index, err = find(); errors.Is(err, unix.ENODEV) {
			index, err = 0, nil
		}
		return err
	})
	return cookie, index, err
}

// mountNamespace returns the inode of the one that this process is in.
func mountNamespace() (uint64, error) {
	var stat unix.Stat_t
	err := unix.Stat("/proc/self/ns/mnt", &stat)
	return stat.Ino, os.NewSyscallError("stat", err)
}
