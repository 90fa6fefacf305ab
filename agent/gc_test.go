package main

import (
	"context"
	"net"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/containernetworking/plugins/integration/hoststate"
	machine "github.com/containernetworking/plugins/integration/node"
)

// criSocket is where the runtimes of tests answer.
const criSocket = "/run/cri.sock"

// cri is a container runtime that knows some containers, of which it has a lot to tell.
type cri struct {
	runtimeapi.UnimplementedRuntimeServiceServer
	containers []string
}

func (c *cri) ListPodSandbox(context.Context, *runtimeapi.ListPodSandboxRequest) (*runtimeapi.ListPodSandboxResponse, error) {
	var response runtimeapi.ListPodSandboxResponse
	for _, id := range c.containers {
		response.Items = append(response.Items, &runtimeapi.PodSandbox{Id: id, Annotations: map[string]string{"a": strings.Repeat("b", 5<<20)}})
	}
	return &response, nil
}

// runCRI starts the runtime on a host.
func runCRI(t *testing.T, h *host, c *cri) {
	t.Helper()
	var listener net.Listener
	err := h.Do(func() (err error) {
		listener, err = net.Listen("unix", criSocket)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	runtimeapi.RegisterRuntimeServiceServer(server, c)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
}

// age makes what there is of attachments older.
func (h *host) age(by time.Duration) {
	h.t.Helper()
	h.Exec(h.t, "find", "/var/lib/cni", "-type", "f", "-exec", "touch", "-d", time.Now().Add(-by).Format(time.RFC3339), "{}", "+")
}

// What pods have left that the runtime does not know is removed, and nothing else: neither
// that of others, which have no name of a pod, nor what has been made a short time ago, as by an
// ADD that runs.
func TestVanished(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.addHost(1, 1)
	s.join(a)
	a.startSettled().Stop(syscall.SIGKILL)
	known, noPod := a.addPod("known"), a.addContainer("no-pod", nil)
	before := a.State(t)
	a.addPod("vanished").Remove(t)
	a.write("/var/lib/cni/networks/other/10.9.0.2", "other\r\neth0")
	a.age(time.Hour)
	young := a.addPod("young")

	runCRI(t, a, &cri{containers: []string{"known"}})
	agent := a.startSettled("-cri-socket", criSocket)
	agent.Await(t, "removed what a container has left", 1, deadline)
	if n := agent.Count("removed what a container has left"); n != 1 {
		t.Errorf("removed %d attachments:\n%s", n, agent.Output())
	}
	for _, p := range []*pod{known, noPod, young} {
		expectSource(t, p.runtime.ContainerID, a, p, p.ips[0], "10.244.1.1")
	}
	if lease := a.read("/var/lib/cni/networks/other/10.9.0.2"); lease == "" {
		t.Error("another network's lease is gone")
	}
	young.remove(t)
	a.Exec(t, "rm", "-r", "/var/lib/cni/networks/other", criSocket)
	eventually(t, func() string { return hoststate.Diff(before, a.State(t), linkLocal, machine.Lasting()) })
}

// A runtime that does not answer knows all containers.
func TestSilentRuntime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.addHost(1, 1)
	s.join(a)
	a.startSettled().Stop(syscall.SIGKILL)
	a.addPod("pod")
	a.age(time.Hour)
	before := a.State(t)
	agent := a.startSettled("-cri-socket", criSocket)
	agent.Await(t, "no such file", 1, deadline)
	if diff := hoststate.Diff(before, a.State(t), linkLocal); diff != "" {
		t.Error(diff)
	}
}

// To uninstall keeps new containers away at once, and removes all when the last container
// has gone, which the runtime can remove as ever.
func TestUninstall(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.addHost(1, 1), s.addHost(2, 2)
	s.join(a)
	s.join(b)
	a.startSettled("-overlay", "vxlan").Stop(syscall.SIGTERM)
	p := a.addContainer("pod", nil) // which may be none
	uninstall := func() *machine.Process { return a.run(slices.Insert(a.arguments(), 1, "uninstall")...) }
	with := a.State(t)
	for range 2 {
		first := uninstall()
		if status := first.Wait(); status != 1 || first.Count("1 containers still use") != 1 {
			t.Errorf("status %d: %s", status, first.Output())
		}
		if diff := hoststate.Diff(with, a.State(t), linkLocal, regexp.MustCompile(conflistName)); diff != "" {
			t.Errorf("what the container needs has changed:\n%s", diff)
		}
	}
	err := a.Do(func() error {
		cni, list, err := a.cni()
		if err != nil {
			return err
		}
		return cni.GetStatusNetworkList(context.Background(), list)
	})
	if err == nil || !strings.Contains(err.Error(), "range") {
		t.Errorf("STATUS says %v", err)
	}
	p.remove(t)
	a.write(confDir+"/."+conflistName+".new", "of an agent that was killed")
	if second := uninstall(); second.Wait() != 0 {
		t.Error(second.Output())
	}
	a.Exec(t, "rm", confDir+"/.keep")
	left := a.routes() + a.Exec(t, "ip", "-o", "link", "show", "type", "vxlan") + a.Exec(t, "ls", "-A", confDir)
	if left += a.Exec(t, "nft", "list", "tables"); strings.TrimSpace(left) != "table inet cni_plugins_firewall" {
		t.Errorf("there is still\n%s", left)
	}
	if leases := a.Exec(t, "find", "/var/lib/cni/networks", "-name", "10.*"); leases != "" {
		t.Errorf("leases are left: %s", leases)
	}
}
