package nft

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// Whoever closes a connection while something deleted, by whomever, has not been through a
// grace period of RCU waits for that, and keeps everybody else meanwhile from changing
// nftables and from deleting links. Who deletes closes next, and so many at once would wait
// for as many grace periods, one behind the other. Instead they delete beside each other and
// close in turn, behind one wait for all, without the kernel's lock.
//
// Only how long it takes depends on that: others, who know nothing of it, and those who
// may not make the file, wait as the kernel has them wait.

// graceFile is what deletions share the lock of, and who closes has for himself. Its time of
// modification is how many deletions nobody has waited for: that fails for no lack of space.
const graceFile = "/run/cni/nftables"

// openGrace opens the file, or returns nil.
func openGrace() *os.File {
	open := func() (*os.File, error) { return unpolled.Open(graceFile, unix.O_CREAT|unix.O_RDWR) }
	file, err := open()
	if errors.Is(err, fs.ErrNotExist) && os.MkdirAll(filepath.Dir(graceFile), 0o755) == nil {
		file, err = open()
	}
	if err != nil {
		return nil
	}
	return file
}

// awaited is the number of deletions that nobody has waited for. A file that is new has the
// time.
func awaited(stat unix.Stat_t) int64 {
	if stat.Mtim.Nsec != 0 {
		return 0
	}
	return int64(stat.Mtim.Sec) // of 32 bits on some architectures
}

// delete makes a change that deletes something, while nobody closes.
func (c *Conn) delete(change func() error) error {
	if c.grace == nil {
		c.grace = openGrace()
	}
	if c.grace != nil && unpolled.Flock(c.grace, unix.LOCK_SH) == nil {
		defer func() { _ = unpolled.Flock(c.grace, unix.LOCK_UN) }()
		// Of two that count at the same time one may be forgotten: whoever closes then waits
		// with the kernel's lock.
		c.count(c.awaited() + 1)
	}
	return change()
}

// inTurn closes while nobody deletes, nor closes, unless there is nothing to wait for.
func (c *Conn) inTurn(closeAll func()) {
	if c.grace == nil {
		var stat unix.Stat_t
		if unix.Stat(graceFile, &stat) != nil || awaited(stat) == 0 {
			closeAll()
			return
		}
		c.grace = openGrace()
	}
	if c.grace == nil {
		closeAll()
		return
	}
	defer c.grace.Close()
	if unpolled.Flock(c.grace, unix.LOCK_EX) == nil {
		n := c.awaited()
		if n > 1 {
			awaitGrace()
		}
		if n > 0 {
			defer c.count(0)
		}
	}
	closeAll()
}

func (c *Conn) awaited() int64 {
	var stat unix.Stat_t
	if unix.Fstat(int(c.grace.Fd()), &stat) != nil {
		return 0
	}
	return awaited(stat)
}

// count sets the number of deletions to wait for.
func (c *Conn) count(n int64) {
	at := unix.NsecToTimespec(n * int64(time.Second))
	// It fails for who does not own the file.
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, graceFile, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
}

// membarrierGlobal is MEMBARRIER_CMD_GLOBAL (linux/membarrier.h): it waits for a grace period.
const membarrierGlobal = 1

// awaitGrace waits for a grace period. Where the kernel does not, as with one processor, who
// closes next does.
func awaitGrace() { _, _, _ = unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0) }
