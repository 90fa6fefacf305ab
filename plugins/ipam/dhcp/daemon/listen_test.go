package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A daemon that ends leaves the socket and the file of another one alone, which was started after
// somebody had removed the socket of the first, as some do to start it.
func TestRemoveReplaced(t *testing.T) {
	dir := t.TempDir()
	socket, o := filepath.Join(dir, "socket"), Options{PidFile: filepath.Join(dir, "pid")}
	var sockets, pidFiles []made
	for range 2 {
		l, err := makeSocket(socket)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		pidFile, err := o.writePidFile()
		if err != nil {
			t.Fatal(err)
		}
		sockets, pidFiles = append(sockets, l.made), append(pidFiles, pidFile)
		if len(sockets) == 1 {
			if err := os.Remove(socket); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond) // more than a tick of the kernel's clock
		}
	}
	for i, want := range []bool{true, false} {
		for _, m := range []made{sockets[i], pidFiles[i]} {
			m.remove()
			if _, err := os.Lstat(m.path); (err == nil) != want {
				t.Errorf("%s after the end of daemon %d: %v", m.path, i, err)
			}
		}
	}
}
