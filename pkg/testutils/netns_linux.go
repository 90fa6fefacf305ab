package testutils

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/ns"
)

// NewNS makes a network namespace that has a path, where ip-netns(8) has those
// it makes, until [UnmountNS].
func NewNS() (ns.NetNS, error) {
	n, err := newNS()
	if err != nil {
		return nil, fmt.Errorf("failed to create namespace: %w", err)
	}
	return n, nil
}

func newNS() (ns.NetNS, error) {
	dir := netnsDir()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := shareMounts(dir); err != nil {
		return nil, err
	}
	made, err := ns.TempNetNS()
	if err != nil {
		return nil, err
	}
	defer made.Close()

	path := filepath.Join(dir, randomName())
	if err := bind(made, path); err != nil {
		return nil, err
	}
	n, err := ns.GetNS(path)
	if err != nil {
		return nil, errors.Join(err, remove(path))
	}
	return n, nil
}

// UnmountNS takes the path of a namespace that [NewNS] made away. It does
// nothing for another one, and does not close ns.
func UnmountNS(ns ns.NetNS) error {
	if !strings.HasPrefix(ns.Path(), netnsDir()+"/") {
		return nil
	}
	return remove(ns.Path())
}

func remove(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("failed to unmount NS: at %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("failed to remove ns path %s: %w", path, err)
	}
	return nil
}

// bind makes path name the namespace.
func bind(n ns.NetNS, path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	file.Close()
	if err := unix.Mount(n.Path(), path, "none", unix.MS_BIND, ""); err != nil {
		return errors.Join(fmt.Errorf("bind mount %s at %s: %w", n.Path(), path, err), os.Remove(path))
	}
	return nil
}

// netnsDir returns the directory of ip-netns(8), or one of the user's own for
// root of a user namespace, whom /var/run does not belong to.
func netnsDir() string {
	const system = "/var/run/netns"
	userDir := os.Getenv("XDG_RUNTIME_DIR")
	var stat unix.Stat_t
	if userDir == "" || unix.Stat("/var/run", &stat) != nil || int(stat.Uid) == os.Geteuid() {
		return system
	}
	return filepath.Join(userDir, "netns")
}

// shareMounts makes dir a shared mount, as ip-netns(8) does: an unmount in one
// mount namespace then reaches the others, and nobody keeps the namespace. The
// lock is that of ip-netns, so that two processes do not mount at once.
func shareMounts(dir string) error {
	lock, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	err = share(dir)
	if errors.Is(err, unix.EINVAL) { // it is not a mount yet
		if err := unix.Mount(dir, dir, "none", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("bind mount %s at itself: %w", dir, err)
		}
		err = share(dir)
	}
	if err != nil {
		return fmt.Errorf("share mounts of %s: %w", dir, err)
	}
	return nil
}

func share(dir string) error {
	return unix.Mount("", dir, "none", unix.MS_SHARED|unix.MS_REC, "")
}

// randomName returns "cnitest-" and a random UUID.
func randomName() string {
	var b [16]byte
	rand.Read(b[:])
	return fmt.Sprintf("cnitest-%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
