package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/node"
)

func TestMain(m *testing.M) { os.Exit(node.Main(m)) }

// What happens on a node stays there.
func TestPrivate(t *testing.T) {
	t.Parallel()
	one, other := node.New(t), node.New(t)
	one.Exec(t, "sh", "-ec", "echo x >/run/cni-node-test; mkdir /var/lib/cni-node-test; ip link add cni-node-test type veth")
	one.Container(t, "cni-node-test")
	const look = "ls /run /run/netns /var/lib /sys/class/net; ip link"
	if out := other.Exec(t, "sh", "-c", look); strings.Contains(out, "cni-node-test") {
		t.Errorf("seen on another node:\n%s", out)
	}
	if out := one.Exec(t, "sh", "-c", look); strings.Count(out, "cni-node-test") != 6 {
		t.Errorf("not all seen on the node itself:\n%s", out)
	}
	for _, path := range []string{"/run/cni-node-test", "/var/lib/cni-node-test", "/run/netns/cni-node-test"} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is outside", path)
		}
	}
	links, err := os.ReadFile("/proc/net/dev")
	if err != nil || strings.Contains(string(links), "cni-node-test") {
		t.Errorf("link is outside: %v", err)
	}
}

func TestContainer(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	before := n.Exec(t, "ls", "/run/netns")
	c := n.Container(t, "c")
	if links := c.Exec(t, "ip", "-br", "link"); strings.Count(links, "\n") != 1 || !strings.Contains(links, "DOWN") {
		t.Errorf("links of a new container:\n%s", links)
	}
	c.Remove(t)
	if after := n.Exec(t, "ls", "/run/netns"); after != before {
		t.Errorf("left after removal: %q", after)
	}
}

func TestEnter(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "touch", "/run/cni-node-test")
	done := make(chan error)
	go func() {
		err := n.Enter()
		if err == nil {
			_, err = os.Stat("/run/cni-node-test")
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A plugin that takes longer than its caller has patience is killed.
func TestPatience(t *testing.T) {
	t.Parallel()
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	sleep, err := filepath.Rel(bin, "/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	for _, patience := range []time.Duration{1, 50 * time.Millisecond} {
		out := node.New(t).Run(t, "ADD", node.Call{Plugin: sleep, Command: "60", Patience: patience})
		if out.Status.Signal() != syscall.SIGKILL {
			t.Errorf("after %v: status %v, %v", patience, out.Status, out.Err())
		}
	}
}

func TestOutcomeErr(t *testing.T) {
	t.Parallel()
	const proper = `{"code": 7, "msg": "bad"}`
	for _, test := range []struct {
		name, stdout string
		status       int
		proper       bool
	}{
		{"error object", proper, 1, true},
		{"two documents", proper + proper, 1, false},
		{"result and error", `{"cniVersion": "1.0.0"}` + proper, 1, false},
		{"nothing", "", 1, false},
		{"no message", `{"code": 7}`, 1, false},
		{"other status", proper, 2, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := outcome(test.stdout, test.status).Err()
			if err == nil || node.IsError(err) != test.proper {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := outcome("", 0).Err(); err != nil {
		t.Errorf("success is %v", err)
	}
}

// outcome has an exit status as wait(2) encodes it.
func outcome(stdout string, status int) node.Outcome {
	return node.Outcome{Stdout: []byte(stdout), Status: syscall.WaitStatus(status << 8)}
}
