package routing

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/unpolled"
)

// directory has a record for each attachment, and the file by which one waits
// for the other. Like the state of containers it does not survive a reboot.
const directory = "/run/cni/routing"

// lockName is the file of which each namespace has a byte of its own to lock: that
// at the number of its inode.
const lockName = "lock"

// Within runs change on the namespace at path, while everybody else who wants to
// change its routing waits.
func Within(path string, change func(*link.Namespace) error) error {
	n, err := link.Open(path)
	if err != nil {
		return err
	}
	defer n.Close()
	unlock, err := lock(n)
	if err != nil {
		return err
	}
	defer unlock()
	return change(n)
}

// lock lasts until unlock is called, or the process ends. On a read-only file system
// there is none, and nobody who changes anything: that begins with a record.
func lock(n *link.Namespace) (unlock func(), err error) {
	place, err := ns.Inode(n.NetNS)
	if err != nil {
		return nil, err
	}
	file, err := openLock()
	if errors.Is(err, unix.EROFS) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	// A lock of the open file (Linux 3.15): one of the process would not keep two
	// of its goroutines apart.
	region := unix.Flock_t{Type: unix.F_WRLCK, Start: int64(place), Len: 1}
	for {
		err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLKW, &region)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, unix.EINTR) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
		}
	}
}

func openLock() (*os.File, error) {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	return unpolled.Open(filepath.Join(directory, lockName), unix.O_CREAT|unix.O_RDWR)
}
