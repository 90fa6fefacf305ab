package integration

import (
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/hoststate"
	"github.com/containernetworking/plugins/integration/node"
)

// nobody is a user without privileges, who can run the plugins in /run/bin.
var nobody = &syscall.Credential{Uid: 65534, Gid: 65534}

// shareBinaries makes the plugins' binaries accessible to all users of a node. It
// returns what leads there from where a Call looks for them.
func shareBinaries(t *testing.T, n *node.Node) string {
	t.Helper()
	bin, err := node.Bin()
	if err != nil {
		t.Fatal(err)
	}
	n.Exec(t, "sh", "-ec", `mkdir /run/bin; mount --bind "$0" /run/bin`, bin)
	path, err := filepath.Rel(bin, "/run/bin")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A user without privileges gets one error, on one line and with a code that says
// what is wrong, or success where there is nothing to do, and changes nothing; a
// trace is for our mistakes.
func TestUnprivileged(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		n := node.New(t)
		s.prepare(t, n)
		shared := shareBinaries(t, n)
		c := s.container(t, n, "c")
		call := s.call(latest, c.Path)
		call = call.With("prevResult", n.Must(t, "ADD", call)).With("cni.dev/valid-attachments", []byte("[]"))
		call.Plugin, call.Credential = filepath.Join(shared, s.plugin), nobody
		again := s.call(latest, c.Path)
		again.Plugin, again.Credential, again.ContainerID = call.Plugin, nobody, "another"
		before := n.State(t)
		for _, step := range []struct {
			command string
			call    node.Call
		}{{"STATUS", call}, {"CHECK", call}, {"ADD", again}, {"DEL", call}, {"GC", call}} {
			out := n.Run(t, step.command, step.call)
			wantTraceless(t, step.command, string(out.Stderr))
			err := out.Err()
			printed, isError := err.(*types.Error)
			switch {
			case err == nil && step.command == "ADD" && s.plugin != "static" && !strings.HasPrefix(s.variant, "dhcp"):
				t.Errorf("ADD succeeds, prints %s", out.Stdout)
			case err == nil:
			case !isError:
				t.Errorf("%s: %v", step.command, err)
			default:
				wantTraceless(t, step.command, printed.Msg+printed.Details)
				if strings.Contains(printed.Msg, "\n") {
					t.Errorf("%s: message has several lines: %q", step.command, printed.Msg)
				}
				entry := strings.Contains(printed.Msg, "error switching to ns ")
				if step.command == "STATUS" && printed.Code != types.ErrPluginNotAvailable || entry && printed.Code != types.ErrInvalidNetNS && step.command != "STATUS" {
					t.Errorf("%s: code %d of %q", step.command, printed.Code, printed.Msg)
				}
			}
		}
		for _, command := range []string{"repair", "daemon"} {
			out := n.Run(t, "", node.Call{Plugin: call.Plugin, Command: command, Credential: nobody})
			wantTraceless(t, command, string(out.Stderr))
			if out.Status == 0 && len(out.Stderr) > 0 || out.Status != 0 && len(out.Stdout) > 0 || strings.Count(string(out.Stderr), "\n") > 2 {
				t.Errorf("%s: status %v, stdout %q, stderr %q", command, out.Status, out.Stdout, out.Stderr)
			}
		}
		if diff := hoststate.Diff(before, n.State(t), late()); diff != "" {
			t.Errorf("state changed:\n%s", diff)
		}
	})
}

var trace = regexp.MustCompile(`(?m)^goroutine \d|panic|runtime error`)

func wantTraceless(t *testing.T, command, text string) {
	t.Helper()
	if trace.MatchString(text) {
		t.Errorf("%s shows a trace:\n%s", command, text)
	}
}
