package hostlocal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/unpolled"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// status reports whether an ADD can work. It changes nothing: runtimes ask every
// few seconds.
func status(args *plugin.CmdArgs) error {
	conf, err := load(args)
	if err != nil {
		return unavailable(err)
	}
	if err := writable(disk.Path(conf.Name, conf.DataDir)); err != nil {
		return unavailable(err)
	}
	if !conf.StatusExhausted {
		return nil
	}
	err = begin(conf.Name, conf.DataDir, func(tx *disk.Tx) error { return exhausted(tx, conf) })
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// exhausted returns an error if a range set has no address left for another
// container. Nothing of what it plans is committed.
func exhausted(tx *disk.Tx, conf *allocator.IPAMConfig) error {
	for i := range conf.Ranges {
		if _, err := allocator.NewIPAllocator(&conf.Ranges[i], tx, i).Get("", "", nil); err != nil {
			return err
		}
	}
	return nil
}

// writable returns an error if no file can be made in dir, or if dir is missing
// and cannot be made.
func writable(dir string) error {
	if err := unpolled.CheckPath(dir); err != nil {
		return err
	}
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
			continue
		}
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return &fs.PathError{Op: "write", Path: dir, Err: unix.ENOTDIR}
		}
		break
	}
	// Fails with EROFS for root as well.
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return &fs.PathError{Op: "write", Path: dir, Err: err}
	}
	var free unix.Statfs_t
	if err := unix.Statfs(dir, &free); err != nil {
		return &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	// File systems without a fixed number of inodes or blocks say 0 of 0.
	if free.Blocks > 0 && free.Bavail == 0 || free.Files > 0 && free.Ffree == 0 {
		return &fs.PathError{Op: "write", Path: dir, Err: unix.ENOSPC}
	}
	return nil
}
