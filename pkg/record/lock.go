package record

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// Locked runs f while it alone has the lock of a file, which is made.
func Locked(path string, f func() error) error {
	file, err := OpenQueued(path, nil)
	if err != nil {
		return err
	}
	defer file.Close()
	return f()
}

// OpenQueued waits for the lock of a file, which is made, and returns the file: to close it
// releases the lock. If somebody has the lock, it calls queued, which may be nil, before it waits.
func OpenQueued(path string, queued func()) (*os.File, error) {
	file, err := unpolled.Open(path, unix.O_CREAT|unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	if queued != nil && errors.Is(unpolled.Flock(file, unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		queued()
	}
	if err := unpolled.Flock(file, unix.LOCK_EX); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// WhileThere runs f while it alone has the lock of the record at path, or not at all
// if there is none, any longer: of those who are to remove what it says, one does.
func WhileThere(path string, f func() error) error {
	for {
		file, err := unpolled.Open(path, unix.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer file.Close()
		if err := unpolled.Flock(file, unix.LOCK_EX); err != nil {
			return err
		}
		if isAt(file, path) {
			return f()
		}
	}
}

// isAt reports whether the file is still that at path.
func isAt(file *os.File, path string) bool {
	held, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(held, there)
}

// A repair makes what records say; who removes an attachment removes the record
// and what it says. So that the repair does not make again what has just been
// removed, nor what a record said that is replaced meanwhile, it has the directory of
// the records for itself. Removals, which are many, do not wait for each other.

// Removing runs f, which removes attachments that may have records in a
// directory, or replaces records, while no repair runs.
func Removing(directory string, f func() error) error { return inside(directory, unix.LOCK_SH, f) }

// Repairing runs f, which makes what the records in a directory say, while nothing
// is removed.
func Repairing(directory string, f func() error) error { return Alone(directory, f) }

// Alone runs f while it alone has the lock of a directory, as who changes several files
// in it at a time.
func Alone(directory string, f func() error) error { return inside(directory, unix.LOCK_EX, f) }

// inside runs f with the lock of a directory, of which there is no need if there
// is no directory.
func inside(directory string, how int, f func() error) error {
	file, err := unpolled.OpenDirectory(directory)
	if IsMissing(err) {
		return f()
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unpolled.Flock(file, how); err != nil {
		return err
	}
	return f()
}
