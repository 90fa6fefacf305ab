package disk

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// Whoever looks has the lock only while the index's header is read, and not while it
// reads the files: an ADD does not wait for that.
func TestBoundaryLeavesTheLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := New("net", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Lock(); err != nil {
		t.Fatal(err)
	}
	if reserved, err := store.Reserve("c", "eth0", net.ParseIP("10.2.0.1"), "0"); !reserved || err != nil {
		t.Fatal(reserved, err)
	}
	if err := store.Unlock(); err != nil {
		t.Fatal(err)
	}
	isInherited, err := store.boundary()
	if err != nil || isInherited(time.Now()) {
		t.Errorf("error %v", err)
	}
	other, err := NewFileLock(filepath.Join(dir, "net"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.mutex.TryLock(); err != nil {
		t.Errorf("the lock is still held: %v", err)
	}
}
