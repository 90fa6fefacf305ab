package record

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Open opens a file that nobody waits for, only root's if it makes it, and is os.OpenFile
// but for the poller: to learn that such a file cannot be polled takes more system calls
// than to read it.
func Open(path string, flags int) (*os.File, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// readFile is os.ReadFile in the same manner.
func readFile(path string) ([]byte, error) {
	file, err := Open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}
