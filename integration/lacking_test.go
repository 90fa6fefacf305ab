package integration

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
)

// A kernel that has ifb and no token buckets is asked once, and again when it has got them:
// meanwhile STATUS makes no namespace. Modules are taken away, so it runs where that is
// nobody else's kernel.
func TestStatusWithoutDriver(t *testing.T) {
	if !node.OwnKernel() {
		t.Skip("kernel lacks modules that a test may take away")
	}
	n := node.New(t)
	call := node.Call{Plugin: "bandwidth", Config: `{"cniVersion": "1.1.0", "name": "net", "type": "bandwidth",
		"ingressRate": 8000, "ingressBurst": 8000, "egressRate": 8000, "egressBurst": 8000}`}
	powerless := wrapped(t, call, "setpriv --bounding-set -all,+sys_admin --inh-caps -all")
	const lacks = `bandwidth: create qdisc of "bwpcf83e1357eef": the kernel lacks tbf: no such file or directory`
	driver := strings.TrimSpace(n.Exec(t, "modinfo", "-n", "sch_tbf"))
	// The kernel runs modprobe(8) outside of the node.
	for _, command := range [][]string{{"modprobe", "-r", "sch_tbf"}, {"mount", "--bind", "/dev/null", driver}} {
		outside(t, command...)
	}
	for _, call := range []node.Call{call, powerless, powerless} {
		if err := n.Run(t, "STATUS", call).Err(); err == nil || err.Error() != lacks {
			t.Errorf("without the driver:\ngot  %v\nwant %s", err, lacks)
		}
	}
	outside(t, "umount", driver)
	outside(t, "modprobe", "sch_tbf")
	n.Must(t, "STATUS", call)
	n.Must(t, "STATUS", powerless)
}

// outside runs a command outside of all nodes.
func outside(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", command, err, out)
	}
}
