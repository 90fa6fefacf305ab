package ns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// TempNetNS makes a network namespace that no path pins: it ends with Close,
// or with the process. Its Path, /proc/<pid>/fd/<fd>, serves other processes
// as well for as long as it is open.
func TempNetNS() (NetNS, error) {
	type result struct {
		h   *handle
		err error
	}
	made := make(chan result)
	go func() {
		h, err := unshare()
		made <- result{h, err}
	}()
	r := <-made
	if r.err != nil {
		return nil, r.err
	}
	r.h.path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), r.h.Fd())
	return r.h, nil
}

// unshare opens a new namespace and leaves the thread in the one it was in,
// or locked, for it to end with its goroutine.
func unshare() (*handle, error) {
	runtime.LockOSThread()
	home, err := ofThread()
	if err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("failed to open current namespace: %w", err)
	}
	defer home.Close()
	defer func() {
		if home.enter() == nil {
			runtime.UnlockOSThread()
		}
	}()

	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("unshare network namespace: %w", err)
	}
	return ofThread()
}
