package runstate

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, spare := filepath.Join(dir, "a"), filepath.Join(dir, "spare")
	var got int
	if found, err := Read(path, &got); found || err != nil {
		t.Errorf("no file: %v, %v", found, err)
	}
	// Whoever was killed has left a spare one.
	if err := os.WriteFile(spare, []byte("rest"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want := range 3 {
		if err := Write(path, spare, want); err != nil {
			t.Fatal(err)
		}
		if found, err := Read(path, &got); !found || err != nil || got != want {
			t.Errorf("got %d, %v, %v, want %d", got, found, err, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
	for range 2 {
		if err := Remove(path); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := Read(path, &got); found || err != nil {
		t.Errorf("half a file: %v, %v", found, err)
	}
}

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
