package hostlocal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestReboot changes the boot id that processes see.
func TestReboot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const small = `"ranges":[[{"subnet":"10.1.2.0/29","rangeEnd":"10.1.2.5"}]]`
	c := conf("1.1.0", dir, small)
	for _, id := range []string{"a", "b", "c"} {
		call{id: id, conf: c}.add(t) // .2, .3, .4
	}
	privateMounts(t, func() {
		path := filepath.Join(t.TempDir(), "boot_id")
		write(t, path, "11111111-2222-3333-4444-555555555555\n")
		if err := unix.Mount(path, "/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, ""); err != nil {
			t.Error(err)
			return
		}
		age(t, dir)
		add := func(id, args, want string) {
			t.Helper()
			stdout, err := call{verb: "ADD", id: id, conf: c, args: args}.run(t)
			if err != nil {
				t.Errorf("%s: %v", id, err)
			} else if got := addresses(t, stdout); got != want {
				t.Errorf("%s has %s, want %s", id, got, want)
			}
		}
		verb := func(verb, id, ipam, want string) {
			t.Helper()
			_, err := call{verb: verb, id: id, conf: conf("1.1.0", dir, ipam)}.run(t)
			if err != nil && err.Msg != want || err == nil && want != "" {
				t.Errorf("%s %s: %v, want %q", verb, id, err, want)
			}
		}
		add("b", "", "10.1.2.3") // its own, once
		verb("ADD", "b", small, "failed to allocate for range 0: 10.1.2.3 has been allocated to b, duplicate allocation is not allowed")
		add("d", "", "10.1.2.5") // the only one that is free
		verb("STATUS", "", small+`,"statusExhausted":true`, "")
		add("e", "", "10.1.2.2") // the oldest
		add("c", "", "10.1.2.4") // still there
		verb("ADD", "f", small, "failed to allocate for range 0: no IP addresses available in range set: 10.1.2.1-10.1.2.5")
		verb("STATUS", "", small+`,"statusExhausted":true`, "host-local: no IP addresses available in range set: 10.1.2.1-10.1.2.5")
		verb("CHECK", "a", small, "host-local: Failed to find address added by container a")
		want := map[string]string{
			"net/10.1.2.2": "e\r\neth0", "net/10.1.2.3": "b\r\neth0", "net/10.1.2.4": "c\r\neth0", "net/10.1.2.5": "d\r\neth0",
			"net/last_reserved_ip.0": "10.1.2.2",
		}
		if diff := cmp.Diff(want, state(t, dir)); diff != "" {
			t.Error(diff)
		}

		// The next boot: a container comes back with another address.
		write(t, path, "22222222-2222-3333-4444-555555555555\n")
		age(t, dir)
		verb("DEL", "d", small, "")
		add("b", "IP=10.1.2.5", "10.1.2.5")
		add("f", "IP=10.1.2.4", "10.1.2.4") // of c, which has not come back
		want = map[string]string{
			"net/10.1.2.2": "e\r\neth0", "net/10.1.2.4": "f\r\neth0", "net/10.1.2.5": "b\r\neth0",
			"net/last_reserved_ip.0": "10.1.2.4",
		}
		if diff := cmp.Diff(want, state(t, dir)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTakenOver takes over a directory that upstream's plugin has filled: leases from
// before the machine booted are given away, the oldest first, those of this boot are not.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.1.0", dir, `"ranges":[[{"subnet":"10.1.2.0/29","rangeEnd":"10.1.2.4"}]]`)
	if err := os.Mkdir(filepath.Join(dir, "net"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{"10.1.2.2": time.Hour, "10.1.2.3": 2 * time.Hour, "10.1.2.4": 0} {
		path := filepath.Join(dir, "net", name)
		write(t, path, "of-"+name+"\r\neth0")
		if age == 0 {
			continue
		}
		var up unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Duration(up.Nano())-age)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"10.1.2.3", "10.1.2.2"} {
		if got := (call{id: "for-" + want, conf: c}).add(t); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	call{verb: "ADD", id: "late", conf: c}.failsWith(t, 999, "failed to allocate for range 0: no IP addresses available in range set: 10.1.2.1-10.1.2.4")
}

// TestOtherRanges gives a network other ranges: what is left from before the boot beyond
// them goes with the next ADD, what a living container has stays, and so does what comes
// with ranges of a call's own.
func TestOtherRanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := conf("1.1.0", dir, `"ranges":[[{"subnet":"10.1.2.0/24"}]]`)
	second := conf("1.1.0", dir, `"ranges":[[{"subnet":"10.1.3.0/24"}],[{"subnet":"fd00::/64"}]]`)
	for _, id := range []string{"a", "b"} {
		call{id: id, conf: first}.add(t)
	}
	has := func(want ...string) {
		t.Helper()
		var got []string
		for name := range state(t, dir) {
			if !strings.HasPrefix(name, "net/last") {
				got = append(got, strings.TrimPrefix(name, "net/"))
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("leases (-want +got):\n%s", diff)
		}
	}
	privateMounts(t, func() {
		path := filepath.Join(t.TempDir(), "boot_id")
		write(t, path, "11111111-2222-3333-4444-555555555555\n")
		if err := unix.Mount(path, "/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, ""); err != nil {
			t.Error(err)
			return
		}
		age(t, dir)
		add := func(id, conf string) {
			t.Helper()
			if _, err := (call{verb: "ADD", id: id, conf: conf}).run(t); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		add("b", first)
		has("10.1.2.2", "10.1.2.3")
		add("own", strings.Replace(second, `{`, `{"runtimeConfig":{"ipRanges":[[{"subnet":"10.1.4.0/24"}]]},`, 1))
		has("10.1.2.2", "10.1.2.3", "10.1.3.2", "10.1.4.2", "fd00::2")
		add("c", second)
		has("10.1.2.3", "10.1.3.2", "10.1.3.3", "10.1.4.2", "fd00::2", "fd00::3")
		add("d", second)
		has("10.1.2.3", "10.1.3.2", "10.1.3.3", "10.1.3.4", "10.1.4.2", "fd00::2", "fd00::3", "fd00::4")
	})
}

// Within one boot those leases beyond the ranges go that are of some age and whose address
// no interface has, of whatever test.
func TestVanishedBeyondRanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := conf("1.1.0", dir, `"ranges":[[{"subnet":"10.231.2.0/28"}]]`)
	second := conf("1.1.0", dir, `"ranges":[[{"subnet":"10.231.3.0/24"}]]`)
	const uptime = "7200"
	requested := func(id, ip string) { call{id: id, conf: first, args: "IP=" + ip, uptime: uptime}.add(t) }
	requested("alive", "10.231.2.9")
	requested("young", "10.231.2.3")
	requested("vanished", "10.231.2.2")
	privateMounts(t, func() {
		for _, old := range []string{"10.231.2.2", "10.231.2.9"} {
			path := filepath.Join(dir, "net", old)
			then := time.Now().Add(-time.Hour)
			if err := os.Chtimes(path, then, then); err != nil {
				t.Error(err)
			}
		}
		const container = "mount -t tmpfs none /run; ip netns add c; ip -n c addr add 10.231.2.9/24 dev lo"
		if out, err := exec.Command("sh", "-ec", container).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		if _, err := (call{verb: "ADD", id: "new", conf: second, uptime: uptime}).run(t); err != nil {
			t.Error(err)
		}
	})
	got := state(t, dir)
	if _, there := got["net/10.231.2.2"]; there || got["net/10.231.2.9"] == "" || got["net/10.231.2.3"] == "" || got["net/10.231.3.2"] == "" {
		t.Errorf("left: %q", got)
	}
}

// What cannot be read, and so has an age and an owner that nobody knows, stays beyond the
// ranges, and keeps no ADD from its address.
func TestUnreadableBeyondRanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	call{id: "a", conf: conf("1.1.0", dir, `"ranges":[[{"subnet":"10.232.2.0/24"}]]`)}.add(t)
	stray := filepath.Join(dir, "net", "10.232.2.9")
	if err := os.Mkdir(stray, 0o700); err != nil {
		t.Fatal(err)
	}
	other := conf("1.1.0", dir, `"ranges":[[{"subnet":"10.232.3.0/24"}]]`)
	for _, want := range []string{"10.232.3.2", "10.232.3.3"} {
		if got := (call{id: "for-" + want, conf: other}).add(t); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if _, err := os.Stat(stray); err != nil {
		t.Error(err)
	}
}

// age makes all files older by the time that a boot takes, which the plugin
// relies on.
func age(t *testing.T, dir string) {
	t.Helper()
	for name := range state(t, dir) {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err == nil {
			err = os.Chtimes(path, time.Time{}, info.ModTime().Add(-time.Minute))
		}
		if err != nil {
			t.Error(err)
		}
	}
}
