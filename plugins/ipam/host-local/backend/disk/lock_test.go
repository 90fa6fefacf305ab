package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFileLock(t *testing.T) {
	for name, path := range map[string]string{"directory": "", "file": "mine"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			lock, err := NewFileLock(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range []func() error{lock.Lock, lock.Unlock, lock.Close} {
				if err := step(); err != nil {
					t.Error(err)
				}
			}
			if path == "" {
				path = "lock"
			}
			if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFileLockMissingDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "lock")
	if _, err := NewFileLock(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

// TestLockContext waits for a lock until it is told to stop; the wait leaves
// nothing locked.
func TestLockContext(t *testing.T) {
	dir := t.TempDir()
	open := func() *FileLock {
		lock, err := NewFileLock(dir)
		if err != nil {
			t.Fatal(err)
		}
		return lock
	}
	first, second, third := open(), open(), open()
	if err := first.LockContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- second.LockContext(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(second.Close(), first.Close()); err != nil {
		t.Error(err)
	}
	if err := third.LockContext(t.Context()); err != nil {
		t.Error(err)
	}
	third.Close()

	// The same, but the lock becomes free.
	first, second = open(), open()
	if err := first.Lock(); err != nil {
		t.Fatal(err)
	}
	go func() { done <- second.LockContext(t.Context()) }()
	if err := first.Unlock(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := errors.Join(second.Close(), first.Close()); err != nil {
		t.Error(err)
	}
}
