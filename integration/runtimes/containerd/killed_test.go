package containerd_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/containernetworking/cni/libcni"

	"github.com/containernetworking/plugins/integration/runtimes/containerd"
	"github.com/containernetworking/plugins/integration/runtimes/machine"
)

// containerd is killed amid starts of pods. What it remembers, it can remove; what it does not,
// GC finds.
func TestKilledAmid(t *testing.T) {
	const count = 10
	each(t, []string{bridged()}, func(t *testing.T, d *containerd.Daemon) {
		end(t, d, run(t, d, containerd.Pod{Name: "first", Ports: published()}))
		before := machine.Picture(t)
		var (
			runs    sync.WaitGroup
			started = make(chan struct{}, count)
		)
		for i := range count {
			runs.Go(func() {
				_, _ = d.Create(containerd.Pod{Name: fmt.Sprintf("pod%d", i)})
				started <- struct{}{}
			})
		}
		<-started
		if err := d.End(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		runs.Wait()
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		known, err := d.Sandboxes()
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range known {
			end(t, d, containerd.Sandbox{ID: id})
		}
		collect(t)
		// A namespace whose pod containerd does not remember stays mounted.
		machine.ExpectNothingLeft(t, before, regexp.MustCompile("^(files|mounts): /run/netns/cni-"))
	})
}

// collect has the machine's network remove what belongs to no pod.
func collect(t testing.TB) {
	t.Helper()
	path := filepath.Join(machine.ConfDir, "10.conflist")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// GC came to the specification with this version.
	list, err := libcni.ConfListFromBytes([]byte(strings.Replace(string(text), `"1.0.0"`, `"1.1.0"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := libcni.NewCNIConfig([]string{machine.BinDir}, nil).GCNetworkList(context.Background(), list, nil); err != nil {
		t.Errorf("GC: %v", err)
	}
}

// What a network would miss is what containerd says, and with it the kubelet, before there is
// a pod that needs it. Releases before 2 do not ask.
func TestStatus(t *testing.T) {
	const leases = "/var/lib/cni/networks"
	for _, v := range versions(t) {
		if v.spec < "1.1.0" {
			continue
		}
		machine.MustInstall(t, machine.Ours(t))
		d := start(t, v, []string{routed()})
		expect := func(want string) {
			t.Helper()
			said, err := d.NetworkReady()
			if err != nil || (want == "") != (said == "") || !strings.Contains(said, want) {
				t.Errorf("the network is ready but for %q, %v, want %q", said, err, want)
			}
		}
		expect("")
		if err := os.MkdirAll(leases, 0o755); err != nil {
			t.Fatal(err)
		}
		machine.Shell(t, "mount --bind "+leases+" "+leases)
		machine.Shell(t, "mount -o remount,bind,ro "+leases)
		expect("read-only file system")
		machine.Shell(t, "umount "+leases)
		expect("")
		machine.MustInstall(t, "/nonexistent")
		expect("failed to find plugin")
		machine.MustInstall(t, machine.Ours(t))
		expect("")
	}
}
