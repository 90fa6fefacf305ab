// Package ns runs code in network namespaces.
//
// A network namespace belongs to a thread, not to a process, and the Go
// scheduler moves goroutines between threads. [NetNS.Do] therefore holds on to
// its thread until that is back, and no other goroutine ever sees that thread
// inside the namespace.
//
// Goroutines that the function starts run on other threads, in the namespace
// of the process: what has to happen inside must happen in the function
// itself, or in a Do of its own.
package ns

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// NetNS is an open network namespace. It stays alive, whatever happens to
// its path and its processes, until Close.
type NetNS interface {
	// Do runs toRun inside the namespace and returns its error unchanged. toRun is
	// handed the namespace that Do was called from, which it must neither keep nor
	// close. Do panics if the thread cannot get back there, as when toRun drops the
	// privilege (CAP_SYS_ADMIN); the thread then ends with the goroutine.
	Do(toRun func(NetNS) error) error
	// Set moves the calling thread, and nothing else, into the namespace. The
	// caller holds the thread with runtime.LockOSThread.
	Set() error
	// Path returns the path the namespace was opened by.
	Path() string
	// Fd returns the file descriptor of the namespace, which Close closes.
	Fd() uintptr
	// Close gives the file descriptor back. Afterwards Do, Set and Close
	// return errors.
	Close() error
}

// handle is the NetNS that this package hands out.
type handle struct {
	file   *os.File
	path   string
	closed atomic.Bool
}

// GetCurrentNS opens the network namespace of the calling thread. Its path is
// that of the thread, which may move or end: only the handle is lasting.
func GetCurrentNS() (NetNS, error) {
	h, err := current()
	if err != nil {
		return nil, err
	}
	return h, nil
}

// GetNS opens the network namespace at nspath, each time with a file
// descriptor of its own. It returns the errors of [IsNSorErr].
func GetNS(nspath string) (NetNS, error) {
	if err := IsNSorErr(nspath); err != nil {
		return nil, noteGone(err)
	}
	h, err := open(nspath)
	if err != nil {
		return nil, noteGone(err)
	}
	return h, nil
}

// IsCurrent reports whether path leads to the network namespace of the calling
// thread. A path that leads nowhere does not.
func IsCurrent(nspath string) (bool, error) {
	var there, here unix.Stat_t
	if err := unix.Stat(nspath, &there); err != nil {
		return false, nil
	}
	h, err := current()
	if err != nil {
		return false, err
	}
	defer h.Close()
	if err := unix.Fstat(int(h.Fd()), &here); err != nil {
		return false, fmt.Errorf("stat %q: %w", h.path, err)
	}
	return there.Dev == here.Dev && there.Ino == here.Ino, nil
}

// WithNetNSPath runs toRun in the namespace at nspath, as [NetNS.Do] does.
func WithNetNSPath(nspath string, toRun func(NetNS) error) error {
	h, err := GetNS(nspath)
	if err != nil {
		return err
	}
	defer h.Close()
	return h.Do(toRun)
}

// MayEnter returns why this process enters no network namespaces: setns(2) takes CAP_SYS_ADMIN.
func MayEnter() error {
	own, err := current()
	if err != nil {
		return err
	}
	defer own.Close()
	if err := own.Set(); err != nil {
		return fmt.Errorf("enter network namespaces, which takes CAP_SYS_ADMIN: %w", err)
	}
	return nil
}

// current opens the namespace of the calling thread. The thread is held
// meanwhile, or the path could name another one by the time it is opened.
func current() (*handle, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return ofThread()
}

// ofThread opens the namespace of the calling thread, which the caller holds.
// It asks a socket for it (SIOCGSKNS, kernel 4.10), which costs a tenth of the
// way through /proc, where every thread's directory has to be made first. The
// kernel answers only who has CAP_NET_ADMIN.
func ofThread() (*handle, error) {
	path := threadPath()
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return open(path)
	}
	defer unix.Close(socket)
	fd, err := unix.IoctlRetInt(socket, unix.SIOCGSKNS)
	if err != nil {
		return open(path)
	}
	return &handle{file: os.NewFile(uintptr(fd), path), path: path}, nil
}

// threadPath returns the path of the calling thread's namespace. It names the
// thread by number, so that it means the same to other threads.
func threadPath() string {
	return fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
}

func open(path string) (*handle, error) {
	file, err := unpolled.Open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return &handle{file: file, path: path}, nil
}

func (h *handle) Path() string { return h.path }

func (h *handle) Fd() uintptr { return h.file.Fd() }

func (h *handle) Close() error {
	if !h.closed.CompareAndSwap(false, true) {
		return h.errClosed()
	}
	if err := h.file.Close(); err != nil {
		//lint:ignore ST1005 callers match upstream's text
		return fmt.Errorf("Failed to close %q: %w", h.path, err)
	}
	return nil
}

func (h *handle) Set() error {
	if h.closed.Load() {
		return h.errClosed()
	}
	if err := h.enter(); err != nil {
		return fmt.Errorf("Error switching to ns %v: %w", h.path, err)
	}
	return nil
}

// Do does all on the calling goroutine: to pass a function to another one, and to wait
// for it, makes the scheduler start threads, which takes 0.1 ms.
func (h *handle) Do(toRun func(NetNS) error) error {
	if h.closed.Load() {
		return h.errClosed()
	}
	runtime.LockOSThread()
	home, err := ofThread()
	if err != nil {
		runtime.UnlockOSThread()
		//lint:ignore ST1005 callers match upstream's text
		return fmt.Errorf("Failed to open current namespace: %w", err)
	}
	defer home.Close()
	if home.is(h) {
		// To stay takes no privilege, as to enter does (CAP_SYS_ADMIN).
		defer runtime.UnlockOSThread()
		return toRun(home)
	}
	if err := h.enter(); err != nil {
		runtime.UnlockOSThread() // it never left, and whoever may not leave may not come back
		return &EntryErr{h.path, err}
	}
	defer home.comeBack()
	return toRun(home)
}

// is reports whether other is the same namespace.
func (h *handle) is(other *handle) bool {
	var here, there unix.Stat_t
	return fstat(h, &here) == nil && fstat(other, &there) == nil && here.Dev == there.Dev && here.Ino == there.Ino
}

func fstat(h *handle, into *unix.Stat_t) error {
	return h.control(func(fd int) error { return unix.Fstat(fd, into) })
}

// comeBack releases the thread in the namespace, from which it came, and in no other.
func (h *handle) comeBack() {
	err := h.enter()
	if err != nil {
		err = h.enter() // ENOMEM passes
	}
	if err != nil {
		panic(fmt.Sprintf("return to ns %v: %v", h.path, err))
	}
	runtime.UnlockOSThread()
}

// enter moves the calling thread into the namespace.
func (h *handle) enter() error {
	return h.control(func(fd int) error { return unix.Setns(fd, unix.CLONE_NEWNET) })
}

// control runs a system call with the descriptor, which meanwhile cannot be closed by
// another goroutine and given to another file.
func (h *handle) control(call func(fd int) error) error {
	conn, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	var errno error
	if err := conn.Control(func(fd uintptr) { errno = call(int(fd)) }); err != nil {
		return err
	}
	return errno
}

func (h *handle) errClosed() error {
	return fmt.Errorf("%q has already been closed", h.path)
}
