package record

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// Nothing is removed while a repair runs; removals run beside each other.
func TestRepairing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var (
		inside  atomic.Int32
		both    sync.WaitGroup
		running sync.WaitGroup
	)
	both.Add(2)
	for range 2 {
		running.Go(func() {
			err := Removing(dir, func() error {
				both.Done()
				both.Wait() // forever, unless the other one is here too
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	for range 10 {
		for _, lock := range []func(string, func() error) error{Removing, Repairing} {
			running.Go(func() {
				alone := func() error {
					if n := inside.Add(1); n != 1 {
						t.Errorf("%d at once", n)
					}
					inside.Add(-1)
					return nil
				}
				run := func() error { return nil }
				if err := Repairing(dir, alone); err != nil {
					t.Error(err)
				}
				if err := lock(dir, run); err != nil {
					t.Error(err)
				}
			})
		}
	}
	running.Wait()
	ran := false
	if err := Repairing(filepath.Join(dir, "none"), func() error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("without a directory: ran %v, %v", ran, err)
	}
}

// Of those who are to remove what a record says, one does, and nobody if it is gone.
func TestWhileThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x")
	for range 20 {
		if err := Write(path, nil); err != nil {
			t.Fatal(err)
		}
		var (
			running sync.WaitGroup
			runs    atomic.Int32
		)
		for range 5 {
			running.Go(func() {
				err := WhileThere(path, func() error {
					runs.Add(1)
					return Remove(path)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if runs.Load() != 1 {
			t.Errorf("ran %d times", runs.Load())
		}
	}
	failure := errors.New("failure")
	if err := Write(path, nil); err != nil {
		t.Fatal(err)
	}
	if err := WhileThere(path, func() error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}
