package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/integration/node"
)

// Where dataDir, or what should be in it, is a file, there can be nothing in it that DEL
// or GC could find; ADD fails, and says why.
func TestDataDirIsFile(t *testing.T) {
	t.Parallel()
	for plugin, paths := range map[string][]string{
		"host-local": {"/run/file", "/run/file/below", "/run/data"}, // in which net is a file
		"bridge":     {"/run/file", "/run/data"},
		"tuning":     {"/run/file", "/run/file/below"},
	} {
		for _, path := range paths {
			t.Run(plugin+" "+path, func(t *testing.T) {
				t.Parallel()
				n := node.New(t)
				c := n.Container(t, "c")
				n.Exec(t, "sh", "-ec", "touch /run/file; mkdir /run/data; touch /run/data/net")
				config := fmt.Sprintf(`{"cniVersion": %q, "name": "net", "type": %q, "cni.dev/valid-attachments": [],
					"ipam": {"type": "host-local", "dataDir": %[3]q, "subnet": "10.1.2.0/24"}, "dataDir": %[3]q, "mtu": 1400,
					"prevResult": {"cniVersion": %[1]q, "interfaces": [{"name": "lo", "sandbox": %[4]q}]}}`, latest, plugin, path, c.Path)
				call := node.Call{Plugin: plugin, ContainerID: "container", Netns: c.Path, IfName: "lo", Config: config}
				if plugin == "bridge" {
					call.IfName = "eth0"
				}
				if err := n.Run(t, "ADD", call).Err(); !node.IsError(err) || !strings.Contains(err.Error(), "not a directory") {
					t.Errorf("ADD: %v", err)
				}
				n.Must(t, "DEL", call)
				n.Must(t, "GC", call)
			})
		}
	}
}

// A resolvConf that is no regular file is an error: a FIFO without a writer would be
// waited for, and a device has no end. A FIFO as call log without a reader is no log.
func TestNoRegularFile(t *testing.T) {
	t.Parallel()
	n := node.New(t)
	n.Exec(t, "mkfifo", "/run/fifo")
	for _, path := range []string{"/run/fifo", "/dev/zero", "/run"} {
		call := node.Call{Plugin: "host-local", ContainerID: "container", Netns: "/none", IfName: "eth0", Env: []string{"CNI_CALL_LOG=/run/fifo"}}
		call.Config = fmt.Sprintf(`{"cniVersion": %q, "name": "net", "type": "any", "ipam": {"type": "host-local", "subnet": "10.1.2.0/24", "resolvConf": %q}}`, latest, path)
		err := n.Run(t, "ADD", call).Err()
		if e, ok := err.(*types.Error); !ok || e.Code != types.ErrInvalidNetworkConfig || e.Msg != "resolvConf "+path+" is no regular file" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A runtime may name the namespace by a process in it, which is often not root's (the pause
// image's is of 65535), and whose links in /proc are of the same user.
func TestNamespaceOfProcess(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		n := node.New(t)
		s.prepare(t, n)
		container := s.container(t, n, "c")
		pause := exec.Command("nsenter", "--net="+container.Path, "setpriv", "--reuid=65535", "--regid=65535", "--clear-groups", "cat")
		in, err1 := pause.StdinPipe()
		out, err2 := pause.StdoutPipe()
		if err := errors.Join(err1, err2, n.Do(pause.Start)); err != nil {
			t.Fatal(err)
		}
		defer pause.Wait()
		defer in.Close()
		// What it answers, it does as that user.
		if _, err := in.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		call := s.call(latest, container.Path)
		call.Netns = fmt.Sprintf("/proc/%d/ns/net", pause.Process.Pid)
		call.Config = strings.ReplaceAll(call.Config, container.Path, call.Netns)
		call = call.With("prevResult", n.Must(t, "ADD", call))
		n.Must(t, "CHECK", call)
		n.Must(t, "DEL", call)
	})
}

// withWriter is a FIFO that somebody holds open, so that whoever reads waits for more.
const withWriter = "FIFO with a writer"

// plants are what somebody may have put in the place of a file of ours, as shell commands.
// The first one is the test's by default, all of them with CNI_TEST_PATHS=all.
var plants = [][2]string{
	{"FIFO", `mkfifo "$0"`},
	{withWriter, `mkfifo "$0"`},
	{"FIFO behind a link", `mkfifo /run/fifo; ln -s /run/fifo "$0"`},
	{"device", `ln -s /dev/zero "$0"`},
	{"directory", `mkdir "$0"`},
	{"link to nothing", `ln -s /nowhere/at/all "$0"`},
}

// No verb waits for what is no file, or reads it without end, wherever it finds it in the
// place of a file that an attachment has made; its error names it.
func TestPlanted(t *testing.T) {
	kinds := plants[:1]
	if os.Getenv("CNI_TEST_PATHS") == "all" {
		kinds = plants
	}
	each(t, func(t *testing.T, s subject) {
		prepared := func() (*node.Node, node.Call) {
			n := node.New(t)
			s.prepare(t, n)
			call := s.call(latest, s.container(t, n, "c").Path)
			return n, call.With("prevResult", n.Must(t, "ADD", call))
		}
		n, _ := prepared()
		files := n.Exec(t, "sh", "-c", "find /run/cni /var/lib/cni -type f 2>/dev/null | sort")
		for path := range strings.Lines(files) {
			path = strings.TrimSpace(path)
			if strings.HasPrefix(path, "/var/lib/cni/networks") && s.plugin != "host-local" && s.name() != "ptp" {
				continue // host-local's, whoever asks it
			}
			for _, kind := range kinds {
				t.Run(path+" "+kind[0], func(t *testing.T) {
					t.Parallel()
					n, call := prepared()
					n.Exec(t, "rm", path)
					n.Exec(t, "sh", "-ec", kind[1], path)
					if kind[0] == withWriter {
						hold(t, n, path)
					}
					other := s.call(latest, s.container(t, n, "other").Path)
					other.ContainerID = "other"
					for _, verb := range []string{"CHECK", "STATUS", "ADD", "GC", "DEL", "DEL"} {
						call := call
						switch verb {
						case "ADD":
							call = other.With("hostPortConflict", []byte(`"ignore"`)) // for portmap, as both have the same
						case "GC":
							call = call.With("cni.dev/valid-attachments", []byte("[]"))
						}
						err := soon(t, func() error { return n.Run(t, verb, call).Err() })
						looks := verb == "CHECK" || verb == "STATUS" // and may find other things wrong
						if err != nil && (!node.IsError(err) || !looks && !strings.Contains(err.Error(), filepath.Base(path))) {
							t.Errorf("%s: %v", verb, err)
						}
					}
				})
			}
		}
	})
}

// soon returns the error of f, which must not wait for ever.
func soon(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for ever")
		return nil
	}
}

// hold keeps a file of the node open until the test ends.
func hold(t *testing.T, n *node.Node, path string) {
	t.Helper()
	err := n.Do(func() error {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		t.Cleanup(func() { file.Close() })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
