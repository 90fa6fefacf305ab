package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/alexflint/go-filemutex"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// lockName is the lock's file in a network's directory. It is never removed:
// a process that waits for the lock has it open.
const lockName = "lock"

// FileLock excludes other processes by flock(2) on a file. The kernel releases
// it when its holder dies. It orders everybody who takes the same lock (this
// plugin, upstream's, Antrea's garbage collection), and nobody else. On NFS
// Linux turns flock into a lock at the server, which needs a file that is open
// for writing; as the file is open for reading, Lock fails there with EBADF, as
// it does in upstream.
type FileLock struct {
	path  string
	mutex *filemutex.FileMutex
}

// NewFileLock returns a lock on the file lockPath, which is created if missing,
// or, if lockPath is a directory, on the file "lock" in it.
func NewFileLock(lockPath string) (*FileLock, error) {
	info, err := os.Stat(lockPath)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil && info.IsDir() {
		lockPath = filepath.Join(lockPath, lockName)
	}
	// filemutex would wait for the other end of a FIFO.
	if info, err = os.Stat(lockPath); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: lockPath, Err: unpolled.ErrIrregular}
	}
	mutex, err := filemutex.New(lockPath)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: lockPath, Err: err}
	}
	return &FileLock{path: lockPath, mutex: mutex}, nil
}

// Lock waits for the lock.
func (l *FileLock) Lock() error {
	if l.mutex == nil {
		return l.wrap("lock", fs.ErrClosed)
	}
	return l.wrap("lock", l.mutex.Lock())
}

// LockContext waits for the lock until ctx ends. Then the lock is closed.
func (l *FileLock) LockContext(ctx context.Context) error {
	// Mostly the lock is free: then there is nothing to wait for.
	err := l.mutex.TryLock()
	if !errors.Is(err, filemutex.AlreadyLocked) {
		return l.wrap("lock", err)
	}
	// flock(2) cannot be interrupted in a Go program, so another thread waits.
	// If it is left behind, it owns the file.
	mutex, locked := l.mutex, make(chan error)
	go func() {
		err := mutex.Lock()
		select {
		case locked <- err:
		case <-ctx.Done():
			mutex.Close()
		}
	}()
	select {
	case err := <-locked:
		return l.wrap("lock", err)
	case <-ctx.Done():
		l.mutex = nil
		return l.wrap("lock", ctx.Err())
	}
}

// Unlock lets others have the lock.
func (l *FileLock) Unlock() error {
	if l.mutex == nil {
		return l.wrap("unlock", fs.ErrClosed)
	}
	return l.wrap("unlock", l.mutex.Unlock())
}

// Close releases the lock, if it is held, and closes its file.
func (l *FileLock) Close() error {
	if l.mutex == nil {
		return nil
	}
	return l.wrap("close", l.mutex.Close())
}

func (l *FileLock) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: l.path, Err: err}
}
