package disk

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// bootID returns the kernel's, or an empty text where /proc does not tell.
func bootID() string {
	id, err := sysctl.BootID()
	if err != nil || len(id) != bootSize {
		return ""
	}
	return id
}

// bootTime returns when the kernel booted, by the clock as it is set now, in whole
// seconds.
func bootTime() time.Time {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(up.Nano())).Truncate(time.Second)
}

// isLocal reports whether the file system of dir belongs to this machine alone,
// and shows each process at once what another one changed. An index is worth
// something only there: NFS keeps a directory's times in a cache for a minute,
// and another machine's boot says nothing about our containers.
func isLocal(dir string) bool {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return false
	}
	switch uint32(fs.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC,
		unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC,
		zfsMagic, bcachefsMagic, hostfsMagic:
		return true
	}
	return false
}

// File systems whose magic numbers golang.org/x/sys does not have.
const (
	zfsMagic      = 0x2fc12fc1
	bcachefsMagic = 0xca451a4e
	hostfsMagic   = 0x00c0ffee // User-mode Linux
)
