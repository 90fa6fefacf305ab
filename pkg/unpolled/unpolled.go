// Package unpolled opens files that nobody has to wait for, such as those of /proc, /run
// and /var/lib. Package os has the poller watch whatever it opens: to learn that a file
// cannot be polled, or to watch one that can, takes more system calls than to read it.
package unpolled

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrIrregular says that what is at a path is none of the files that can be read to an end:
// whoever may write to a directory may have made a FIFO there, a device, or a directory.
var ErrIrregular = errors.New("no regular file")

// Open is like os.OpenFile for regular files, be it through a symbolic link (but for ErrPlanted). Others are
// ErrIrregular: a FIFO that nobody else opens would be waited for, for ever. (One that is
// opened to be written to is unix.ENXIO.) Flags are those of open(2); a file that it makes
// is for root alone.
func Open(path string, flags int) (*os.File, error) {
	opener := OpenAny
	if flags&unix.O_DIRECTORY != 0 { // a file without a name, below the path
		opener = open
	}
	fd, err := opener(path, flags|unix.O_NONBLOCK, 0o600)
	if err == nil {
		if err = settle(fd, flags); err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// open is open(2), which a signal interrupts on some file systems, as FUSE and NFS are.
func open(path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// settle makes a file one that os.NewFile does not have polled, if it is a regular one.
func settle(fd, flags int) error {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return ErrIrregular
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
	return err
}

// OpenDirectory opens a directory, to be listed or locked. Anything else is unix.ENOTDIR.
func OpenDirectory(path string) (*os.File, error) {
	fd, err := open(path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// ReadFile is like os.ReadFile.
func ReadFile(path string) ([]byte, error) {
	file, err := Open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// WriteFile is like os.WriteFile. A file that it makes is for root alone.
func WriteFile(path string, content []byte) error {
	file, err := Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// Flock is flock(2), which a signal interrupts in a Go program at any time.
func Flock(file *os.File, how int) error {
	for {
		err := unix.Flock(int(file.Fd()), how)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", file.Name(), err)
		}
	}
}
