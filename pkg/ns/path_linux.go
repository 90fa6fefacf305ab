package ns

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// The kinds of filesystem a namespace path may be on (linux/magic.h).
const (
	// NSFS_MAGIC is nsfs, which holds the namespaces since Linux 3.19.
	NSFS_MAGIC = unix.NSFS_MAGIC
	// PROCFS_MAGIC is procfs, which held them before.
	PROCFS_MAGIC = unix.PROC_SUPER_MAGIC
)

// NSPathNotExistErr is the error for a path that does not exist. It is
// returned by value.
type NSPathNotExistErr struct{ msg string }

func (e NSPathNotExistErr) Error() string { return e.msg }

// NSPathNotNSErr is the error for a path that is something else than a
// namespace. It is returned by value.
type NSPathNotNSErr struct{ msg string }

func (e NSPathNotNSErr) Error() string { return e.msg }

// EntryErr is the error of [NetNS.Do] for a namespace that the process may not enter,
// for want of CAP_SYS_ADMIN, or that is not one of a network.
type EntryErr struct {
	path string
	err  error
}

func (e *EntryErr) Error() string { return fmt.Sprintf("error switching to ns %v: %v", e.path, e.err) }

func (e *EntryErr) Unwrap() error { return e.err }

// IsGone reports whether err says that there is no network namespace at a path, or
// something else in its place. Another kind of namespace, or another file of procfs,
// shows only when it is entered (setns(2), EINVAL).
func IsGone(err error) bool {
	var missing NSPathNotExistErr
	var other NSPathNotNSErr
	var gone goneErr
	var entry *EntryErr
	return errors.As(err, &missing) || errors.As(err, &other) || errors.As(err, &gone) ||
		errors.As(err, &entry) && errors.Is(entry, unix.EINVAL)
}

// goneErr is an error of the kernel that says that nothing is at a path.
type goneErr struct{ error }

func (e goneErr) Unwrap() error { return e.error }

// noteGone marks such an error. ESRCH is that of a process that ended meanwhile, and a
// directory of procfs is no file.
func noteGone(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ESRCH) || errors.Is(err, unpolled.ErrIrregular) {
		return goneErr{err}
	}
	return err
}

// IsNSorErr returns nil if nspath is a namespace, judged by its filesystem,
// [NSPathNotExistErr] if it does not exist and [NSPathNotNSErr] if it is on
// another filesystem.
func IsNSorErr(nspath string) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(nspath, &stat); err != nil {
		err = fmt.Errorf("failed to Statfs %q: %w", nspath, err)
		if errors.Is(err, unix.ENOENT) {
			return NSPathNotExistErr{msg: err.Error()}
		}
		return err
	}
	switch stat.Type {
	case NSFS_MAGIC, PROCFS_MAGIC:
		return nil
	}
	return NSPathNotNSErr{msg: fmt.Sprintf("unknown FS magic on %q: %x", nspath, stat.Type)}
}
