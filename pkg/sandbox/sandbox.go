// Package sandbox tells of a record whether the container that it is about is still
// there. Records outlive containers: of those that other plugins delete, or nobody.
package sandbox

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

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
	s.Cookie, s.Index, err = look(netns, func(socket int) (int, error) { return indexOf(socket, ifName) })
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
	cookie, index, err := look(s.Netns, func(socket int) (int, error) { return s.Index, exists(socket, s.Index) })
	if err != nil {
		return ns.IsGone(err)
	}
	return cookie != s.Cookie || s.Index != 0 && index == 0
}

// look returns the number of a namespace, and what find finds in it, which is 0 if there
// is no such interface.
func look(netns string, find func(socket int) (int, error)) (cookie uint64, index int, err error) {
	space, err := ns.GetNS(netns)
	if err != nil {
		return 0, 0, err
	}
	defer space.Close()
	err = space.Do(func(ns.NetNS) (err error) {
		if cookie, err = ns.Cookie(space); err != nil {
			return err
		}
		socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(socket)
		if index, err = find(socket); errors.Is(err, unix.ENODEV) {
			index, err = 0, nil
		}
		return err
	})
	return cookie, index, err
}

func indexOf(socket int, ifName string) (int, error) {
	request, err := unix.NewIfreq(ifName)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFINDEX, request); err != nil {
		return 0, err
	}
	return int(request.Uint32()), nil
}

// exists returns ENODEV if there is no interface with the index.
func exists(socket, index int) error {
	request, err := unix.NewIfreq("")
	if err != nil {
		return err
	}
	request.SetUint32(uint32(index))
	return unix.IoctlIfreq(socket, unix.SIOCGIFNAME, request)
}

// mountNamespace returns the inode of the one that this process is in.
func mountNamespace() (uint64, error) {
	var stat unix.Stat_t
	err := unix.Stat("/proc/self/ns/mnt", &stat)
	return stat.Ino, os.NewSyscallError("stat", err)
}
