package hostlocal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// command runs a command of the plugin and returns what it printed and what it said on
// standard error, with its exit status.
func command(t testing.TB, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.Command(call{}.command().Path, args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Error(err)
		return "", "", -1
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// shows runs a command that must succeed without a word on standard error.
func shows(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	stdout, stderr, status := command(t, stdin, args...)
	if stderr != "" || status != 0 {
		t.Errorf("%s: status %d, on standard error: %s", args, status, stderr)
	}
	return stdout
}

// rebooted runs test with another boot id, and leases that are older.
func rebooted(t *testing.T, dir string, test func()) {
	t.Helper()
	privateMounts(t, func() {
		path := filepath.Join(t.TempDir(), "boot_id")
		write(t, path, "11111111-2222-3333-4444-555555555555\n")
		if err := unix.Mount(path, "/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, ""); err != nil {
			t.Error(err)
			return
		}
		age(t, dir)
		test()
	})
}

// listed is what `list -json` prints of a lease.
type listed struct {
	Network, Address, ContainerID, IfName string
	Since                                 time.Time
	BeforeBoot                            bool
}

func TestList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := conf("1.1.0", dir, `"ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"fd00::/64"}]]`)
	if got := shows(t, "", "list", "--json", "--data-dir", dir); got != "[]\n" {
		t.Errorf("nothing is listed as %s", got)
	}
	call{id: "a", conf: c}.add(t)
	call{id: "b", ifname: "net1", conf: c}.add(t)
	for name, content := range map[string]string{"10.1.2.9": "old", "10.1.2.10": "\x00\x00", "note": "x", "10.1.2.11": ""} {
		write(t, filepath.Join(dir, "net", name), content)
	}
	if err := os.Mkdir(filepath.Join(dir, "net", "10.1.2.12"), 0o700); err != nil { // cannot be read
		t.Fatal(err)
	}
	rebooted(t, dir, func() {
		if _, err := (call{verb: "ADD", id: "b", ifname: "net1", conf: c}).run(t); err != nil {
			t.Error(err)
		}
		before := state(t, dir)
		var got []listed
		if err := json.Unmarshal([]byte(shows(t, "", "list", "--json", "--data-dir", dir)), &got); err != nil {
			t.Error(err)
		}
		for i, l := range got {
			if l.BeforeBoot != (time.Since(l.Since) > 30*time.Second && l.ContainerID != "") {
				t.Errorf("%+v", l)
			}
			got[i].Since = time.Time{}
		}
		want := []listed{
			{Network: "net", Address: "10.1.2.2", ContainerID: "a", IfName: "eth0", BeforeBoot: true},
			{Network: "net", Address: "10.1.2.3", ContainerID: "b", IfName: "net1"},
			{Network: "net", Address: "10.1.2.9", ContainerID: "old", BeforeBoot: true},
			{Network: "net", Address: "10.1.2.12"},
			{Network: "net", Address: "fd00::2", ContainerID: "a", IfName: "eth0", BeforeBoot: true},
			{Network: "net", Address: "fd00::3", ContainerID: "b", IfName: "net1"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("leases (-want +got):\n%s", diff)
		}
		table := shows(t, c, "list", "--conf", "-")
		fields := [][]string{}
		for line := range strings.Lines(table) {
			fields = append(fields, strings.Fields(line))
		}
		if len(fields) != 7 || fields[1][0] != "net" || fields[1][5] != "before" || fields[2][5] != "this" || fields[3][3] != "-" || fields[4][4] != "-" {
			t.Errorf("table:\n%s", table)
		}
		if diff := cmp.Diff(before, state(t, dir)); diff != "" {
			t.Errorf("list changes files:\n%s", diff)
		}
	})
}

// Of a directory without index, as upstream's plugin leaves it, those leases are of
// before the boot that are older. Nothing is made there, nor in a directory that is no
// network's, as it has no lock.
func TestListWithoutIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "net", "lock"), "")
	write(t, filepath.Join(dir, "other", "10.1.2.4"), "c\r\neth0")
	for name, age := range map[string]time.Duration{"10.1.2.2": 0, "10.1.2.3": 10 * 365 * 24 * time.Hour} {
		path := filepath.Join(dir, "net", name)
		write(t, path, "c\r\neth0")
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	var got []listed
	if err := json.Unmarshal([]byte(shows(t, "", "list", "-json", "-data-dir", dir)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].BeforeBoot || !got[1].BeforeBoot {
		t.Errorf("%+v", got)
	}
	for _, made := range []string{"net/.index", "other/.index", "other/lock"} {
		if _, err := os.Stat(filepath.Join(dir, made)); err == nil {
			t.Errorf("list makes %s", made)
		}
	}
}

// A wrong call says what is wrong, and a directory that is named has to be there.
func TestListFailures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "elsewhere", "lock"), "")
	planted := filepath.Join(dir, "broken", "net")
	if err := errors.Join(os.Mkdir(filepath.Dir(planted), 0o755), os.Symlink("../elsewhere", planted), os.Lchown(planted, 1234, 1234)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "half"), "{")
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"list now", 2, `host-local list: wrong usage: unexpected argument "now"`},
		{"usage -json -prometheus", 2, "host-local usage: wrong usage: -json and -prometheus exclude each other"},
		{"list -data-dir " + dir + "/none", 1, "host-local list: open " + dir + "/none: no such file or directory"},
		{"usage -conf " + dir + "/half", 1, "host-local usage: " + dir + "/half: unexpected end of JSON input"},
		{"usage -conf " + dir + "/none", 1, "host-local usage: stat " + dir + "/none: no such file or directory"},
		{"usage -data-dir " + dir + "/broken", 1, "host-local usage: look at network net: "},
	} {
		_, stderr, status := command(t, "", strings.Fields(c.args)...)
		if status != c.status || !strings.HasPrefix(stderr, c.want) {
			t.Errorf("%s: status %d, %s", c.args, status, stderr)
		}
	}
}
