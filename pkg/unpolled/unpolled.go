// Package unpolled opens files that nobody has to wait for, such as those of /proc, /run
// and /var/lib. Package os has the poller watch whatever it opens: to learn that a file
// cannot be polled, or to watch one that can, takes more system calls than to read it.
package unpolled

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Open is like os.OpenFile. Flags are those of open(2); a file that it makes is for root
// alone.
func Open(path string, flags int) (*os.File, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
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
