package plugin

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/owner"
)

// printed runs f with os.Stdout as a pipe and returns what f printed.
func printed(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	f()
	w.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// catchOnce stands for Main, of which a process has one.
var catchOnce = sync.OnceFunc(catchSignals)

func args(version string) *skel.CmdArgs {
	return &skel.CmdArgs{
		ContainerID: "c1", IfName: "eth0", Netns: "/var/run/netns/none",
		StdinData: []byte(`{"name":"net1","cniVersion":"` + version + `"}`),
	}
}

func oneAddress() *current.Result {
	_, subnet, _ := net.ParseCIDR("192.0.2.0/24")
	subnet.IP = net.IPv4(192, 0, 2, 7)
	return &current.Result{IPs: []*current.IPConfig{{Address: *subnet}}}
}

func TestAddPrintsInTheConfiguredVersion(t *testing.T) {
	for version, want := range map[string]string{
		"0.2.0": `"ip4"`, "0.4.0": `"version": "4"`, "1.1.0": `"cniVersion": "1.1.0"`,
	} {
		var undone bool
		var got owner.Attachment
		out := printed(t, func() {
			err := Add(args(version), func(a *Attachment) (*current.Result, error) {
				got = a.Attachment
				a.Undo(func() error { undone = true; return nil })
				return oneAddress(), nil
			})
			if err != nil {
				t.Errorf("%s: %v", version, err)
			}
		})
		if !strings.Contains(out, want) {
			t.Errorf("%s: printed %s", version, out)
		}
		if undone {
			t.Errorf("%s: a successful ADD was undone", version)
		}
		if diff := cmp.Diff(owner.Attachment{Network: "net1", ContainerID: "c1", IfName: "eth0"}, got); diff != "" {
			t.Error(diff)
		}
	}
}

// Every way in which an ADD can end without success must run all undos, the
// last one first, whatever they return.
func TestAddUndoes(t *testing.T) {
	for name, c := range map[string]struct {
		version string
		end     func() (*current.Result, error)
		want    string
	}{
		"error":              {"1.0.0", func() (*current.Result, error) { return nil, errors.New("no luck") }, "no luck"},
		"panic":              {"1.0.0", func() (*current.Result, error) { panic("oh") }, "panic: oh; " + report},
		"unprintable result": {"0.2.0", func() (*current.Result, error) { return &current.Result{}, nil }, "cannot convert: no valid IP addresses"},
		"signal": {"1.0.0", func() (*current.Result, error) {
			catchOnce()
			syscall.Kill(os.Getpid(), syscall.SIGTERM)
			return nil, nil
		}, "terminated by a signal"},
	} {
		t.Run(name, func(t *testing.T) {
			var undone []int
			out := printed(t, func() {
				err := Add(args(c.version), func(a *Attachment) (*current.Result, error) {
					for i := range 3 {
						a.Undo(func() error { undone = append(undone, i); return errors.New("stuck") })
					}
					result, err := c.end()
					if name == "signal" {
						<-a.Context().Done()
					}
					return result, err
				})
				if err == nil || err.Error() != c.want {
					t.Errorf("error %v, want %s", err, c.want)
				}
			})
			if out != "" {
				t.Errorf("printed %s", out)
			}
			if diff := cmp.Diff([]int{2, 1, 0}, undone); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAddUndoesWhenNobodyReadsTheResult(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout; w.Close() }()
	catchOnce()
	undone := false
	err = Add(args("1.0.0"), func(a *Attachment) (*current.Result, error) {
		a.Undo(func() error { undone = true; return nil })
		return oneAddress(), nil
	})
	if !undone || Code(err) != types.ErrIOFailure {
		t.Errorf("undone %v, error %v", undone, err)
	}
}
