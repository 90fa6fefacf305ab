package record

import (
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
