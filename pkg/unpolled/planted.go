package unpolled

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ErrPlanted says that a symbolic link is of somebody who is neither root nor the caller, in
// a directory that others may write to: it leads where they want, as to /etc/shadow.
var ErrPlanted = errors.New("symbolic link of another user")

// CheckPath returns ErrPlanted if part of a path, or what is at it, is such a link. It is
// for directories of state that a configuration names.
func CheckPath(path string) error {
	for i := range path {
		if i > 0 && path[i] == '/' {
			if err := checkLink(path[:i]); err != nil {
				return err
			}
		}
	}
	return checkLink(path)
}

// checkLink takes what is missing, or no link, for right.
func checkLink(path string) error {
	var stat unix.Stat_t
	if unix.Lstat(path, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFLNK || trusted(stat.Uid) || isOfKernel(path) {
		return nil
	}
	return &os.PathError{Op: "follow", Path: path, Err: ErrPlanted}
}

// isOfKernel reports whether a link is one of proc(5), as to the namespaces of a process. It
// is of the user of that process, and leads where the kernel says.
func isOfKernel(link string) bool {
	fd, err := open(link, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
}

// trusted reports whether a user may lead the caller anywhere. In a user namespace that
// lacks the host's root, the host's own links are of whom its root directory is.
func trusted(uid uint32) bool {
	if uid == 0 || int(uid) == os.Geteuid() {
		return true
	}
	var root unix.Stat_t
	return unix.Stat("/", &root) == nil && root.Uid == uid
}

// OpenAny is open(2) that follows no ErrPlanted at the end of a path, and leaves what it
// opens to the caller.
func OpenAny(path string, flags int, mode uint32) (int, error) {
	fd, err := open(path, flags|unix.O_NOFOLLOW, mode)
	if err != unix.ELOOP || flags&unix.O_NOFOLLOW != 0 {
		return fd, err
	}
	if err := checkLink(path); err != nil {
		return -1, err
	}
	return open(path, flags, mode)
}
