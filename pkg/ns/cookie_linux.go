package ns

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Cookie returns a number that no other namespace has or gets as long as the host
// runs (Linux 5.14), for a namespace that the calling thread is in. Older kernels give
// the number of its inode, which another one may get when it is gone.
func Cookie(here NetNS) (uint64, error) {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("identify netns %q: %w", here.Path(), err)
	}
	defer unix.Close(socket)
	cookie, err := unix.GetsockoptUint64(socket, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if errors.Is(err, unix.ENOPROTOOPT) {
		return Inode(here)
	}
	if err != nil {
		return 0, fmt.Errorf("identify netns %q: %w", here.Path(), err)
	}
	return cookie, nil
}

// Inode returns the number of the namespace's inode, which no other namespace has
// at the same time.
func Inode(n NetNS) (uint64, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(n.Fd()), &stat); err != nil {
		return 0, fmt.Errorf("stat netns %q: %w", n.Path(), err)
	}
	return stat.Ino, nil
}
