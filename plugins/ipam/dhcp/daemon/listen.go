package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/unpolled"
)

// listener is the socket of the daemon.
type listener struct {
	*net.UnixListener
	// made is nothing if the service manager made it.
	made
}

// openListener takes the socket from the service manager, if that passes one
// (sd_listen_fds(3)), or makes it. One that a daemon left which was killed is
// replaced, that of a living daemon is not.
func openListener(path string) (*listener, error) {
	passed := passedSockets()
	switch passed {
	case 0:
		return makeSocket(path)
	case 1:
		unix.CloseOnExec(firstPassed)
		file := os.NewFile(firstPassed, "socket")
		defer file.Close()
		l, err := net.FileListener(file)
		if err != nil {
			return nil, fmt.Errorf("LISTEN_FDS=1 but no FD found: %w", err)
		}
		listening, ok := l.(*net.UnixListener)
		if !ok {
			l.Close()
			return nil, fmt.Errorf("LISTEN_FDS=1 but FD is a socket of %s", l.Addr().Network())
		}
		listening.SetUnlinkOnClose(false)
		return &listener{listening, made{}}, nil
	}
	//lint:ignore ST1005 callers match upstream's text
	return nil, fmt.Errorf("Too many (%d) FDs passed through socket activation", passed)
}

// firstPassed is the first file descriptor that a service manager passes.
const firstPassed = 3

// passedSockets returns how many sockets are meant for this process, and keeps
// that from programs that it might start.
func passedSockets() int {
	pid, err := strconv.Atoi(os.Getenv("LISTEN_PID"))
	count, countErr := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	os.Unsetenv("LISTEN_PID")
	os.Unsetenv("LISTEN_FDS")
	if err != nil || countErr != nil || pid != os.Getpid() {
		return 0
	}
	return count
}

func makeSocket(path string) (*listener, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	// Of two daemons that start at once, the other one finds this one alive.
	lock, err := unpolled.OpenDirectory(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := unpolled.Flock(lock, unix.LOCK_EX); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	return &listener{l, justMade(path)}, nil
}

// removeStale removes a socket on which nobody listens. Anything else stays, and
// will be in the way.
func removeStale(path string) error {
	conn, err := net.Dial("unix", path)
	if err == nil {
		return conn.Close()
	}
	info, statErr := os.Lstat(path)
	if errors.Is(err, unix.ECONNREFUSED) && statErr == nil && info.Mode()&os.ModeSocket != 0 {
		return os.Remove(path)
	}
	return nil
}

// made is a file of this daemon's. Somebody may have removed it, and another daemon made its
// own in its place.
type made struct {
	path string
	info os.FileInfo
}

func justMade(path string) made {
	info, _ := os.Lstat(path) // one that is gone needs no removal
	return made{path, info}
}

// remove removes it at the end.
func (m made) remove() {
	info, err := os.Lstat(m.path)
	if err == nil && os.SameFile(info, m.info) && info.ModTime().Equal(m.info.ModTime()) {
		os.Remove(m.path)
	}
}
