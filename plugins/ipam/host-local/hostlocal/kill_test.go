package hostlocal_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// TestTerminatedWaiting terminates an ADD that waits for the lock.
func TestTerminatedWaiting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.0.0", dir, oneSet)
	store, err := disk.New("net", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Lock(); err != nil {
		t.Fatal(err)
	}
	cmd := call{verb: "ADD", id: "a", conf: c}.command()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForLock(t, cmd.Process.Pid)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
	defer killer.Stop()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("ADD: %v", err)
	}
	if diff := cmp.Diff(map[string]string{}, state(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// waitForLock waits until a thread of a process is in flock(2).
func waitForLock(t *testing.T, pid int) {
	t.Helper()
	for range 1000 {
		locks, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(locks)) {
			if strings.Contains(line, "->") && strings.Contains(line, fmt.Sprintf(" %d ", pid)) {
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("process %d does not wait for the lock", pid)
}

// TestKilled kills ADD and DEL at any point. The DEL that follows frees all.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.0.0", dir, twoSets)
	call{id: "a", conf: c}.add(t)
	start := time.Now()
	call{id: "b", conf: c}.add(t)
	call{verb: "DEL", id: "b", conf: c}.succeeds(t)
	took := time.Since(start) / 2
	want := map[string]string{"net/10.1.2.2": "a\r\neth0", "net/2001:db8:1::2": "a\r\neth0"}
	for round := range 200 {
		verb := "ADD"
		if round%4 == 3 {
			call{id: "c", conf: c}.add(t)
			verb = "DEL"
		}
		cmd := call{verb: verb, id: "c", conf: c}.command()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(took))))
		cmd.Process.Kill()
		cmd.Wait()
		call{verb: "DEL", id: "c", conf: c}.succeeds(t)
		got := state(t, dir)
		delete(got, "net/last_reserved_ip.0")
		delete(got, "net/last_reserved_ip.1")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d: %s", round, diff)
		}
	}
	for _, id := range []string{"d", "e"} {
		call{id: id, conf: c}.add(t)
		call{verb: "CHECK", id: id, conf: c}.succeeds(t)
	}
}
