// Package record keeps the files in which plugins note what they have made.
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// replacementSuffix ends the name of a file that is to replace one.
const replacementSuffix = ".new"

// Write makes the file at path, which only root reads, as a whole or not at all:
// a file without a name gets one when it is complete.
func Write(path string, text []byte) error { return WriteVia(path, path+replacementSuffix, text) }

// WriteVia is Write for a directory in which every name means something: a file that
// is to replace one has the name replacement first, which nobody else may use
// meanwhile, and which whoever is killed may leave behind.
func WriteVia(path, replacement string, text []byte) error {
	file, err := unpolled.Open(filepath.Dir(path), unix.O_TMPFILE|unix.O_WRONLY)
	nameless := err == nil
	// overlayfs before Linux 6.2 and NFS have no files without names.
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		file, err = unpolled.Open(replacement, unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(text); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if nameless {
		if err := name(file, path); !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := errors.Join(remove(replacement), name(file, replacement)); err != nil {
			return err
		}
	}
	return os.Rename(replacement, path)
}

// Save writes a value as JSON, for Read, and makes the directory if there is none,
// as before the first record since the host started. It follows no unpolled.ErrPlanted.
func Save(path string, value any) error {
	if err := unpolled.CheckPath(filepath.Dir(path)); err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	err = Write(path, text)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		err = Write(path, text)
	}
	return err
}

// name gives a name to a file that has none. Where that takes a capability that is
// missing (CAP_DAC_READ_SEARCH, until Linux 6.10), the file is found by a path.
func name(file *os.File, path string) error {
	fd := int(file.Fd())
	err := unix.Linkat(fd, "", unix.AT_FDCWD, path, unix.AT_EMPTY_PATH)
	if errors.Is(err, unix.ENOENT) {
		err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Remove removes the file at path, and what a Write that was cut off has left, as
// far as they are there.
func Remove(path string) error {
	return errors.Join(remove(path+replacementSuffix), remove(path))
}

func remove(path string) error {
	// os.Remove tries whether it is a directory, too.
	err := unix.Unlink(path)
	if err == nil || IsMissing(err) {
		return nil
	}
	// The kernel says that first, whether there is such a file or not.
	if err == unix.EROFS && IsMissing(unix.Access(path, unix.F_OK)) {
		return nil
	}
	return &os.PathError{Op: "remove", Path: path, Err: err}
}

// IsMissing reports whether an error says that there is no such file, be it that what
// should be its directory is none.
func IsMissing(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) }

// Writable returns an error if files cannot be made in dir, which need not exist
// yet.
func Writable(dir string) error {
	if err := unpolled.CheckPath(dir); err != nil {
		return err
	}
	for ; ; dir = filepath.Dir(dir) {
		err := unix.Faccessat(unix.AT_FDCWD, dir+"/.", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		if errors.Is(err, unix.ENOENT) && dir != filepath.Dir(dir) {
			continue
		}
		if err == nil {
			err = hasSpace(dir)
		}
		if err != nil {
			return &fs.PathError{Op: "write", Path: dir, Err: err}
		}
		return nil
	}
}

// hasSpace returns an error if the file system of dir is full, or no file of this process may
// have a length (RLIMIT_FSIZE). File systems without a fixed number of inodes or blocks say 0 of 0.
func hasSpace(dir string) error {
	var size unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &size); err != nil {
		return err
	}
	if size.Cur == 0 {
		return unix.EFBIG
	}
	var free unix.Statfs_t
	if err := unix.Statfs(dir, &free); err != nil {
		return err
	}
	if free.Files > 0 && free.Ffree == 0 {
		return unix.ENOSPC
	}
	if free.Blocks > 0 && free.Bavail == 0 && !(hasReserve(&free) && isRoot()) {
		return unix.ENOSPC
	}
	return nil
}

// hasReserve reports whether a file system without room for others has some for root: ext4
// (mke2fs -m, by default 5 %), beyond what it keeps for itself (ext4_set_resv_clusters, Linux 3.10).
func hasReserve(fs *unix.Statfs_t) bool {
	return fs.Type == unix.EXT4_SUPER_MAGIC && fs.Bfree > min(4096, fs.Blocks/50)
}

// isRoot reports whether this is the host's root: in the first namespace of users,
// PROC_USER_INIT_INO in linux/proc_ns.h.
func isRoot() bool {
	var stat unix.Stat_t
	return os.Geteuid() == 0 && unix.Stat("/proc/self/ns/user", &stat) == nil && stat.Ino == 0xeffffffd
}
