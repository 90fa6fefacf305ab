package containerd_test

import (
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/containernetworking/plugins/integration/runtimes/containerd"
	"github.com/containernetworking/plugins/integration/runtimes/machine"
)

// Pods do not notice that containerd ends and comes back, and it can remove them afterwards.
func TestRestart(t *testing.T) {
	each(t, []string{bridged()}, func(t *testing.T, d *containerd.Daemon) {
		end(t, d, run(t, d, containerd.Pod{Name: "first", Ports: published()}))
		before := machine.Picture(t)
		pod := run(t, d, containerd.Pod{Name: "pod", Ports: published()})
		expectReachable(t, pod, "pod")
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			if err := d.End(signal); err != nil {
				t.Fatal(err)
			}
			expectPublished(t)
			if err := d.Start(); err != nil {
				t.Fatal(err)
			}
			expectPublished(t)
			other := run(t, d, containerd.Pod{Name: "other"})
			end(t, d, other)
		}
		end(t, d, pod)
		machine.ExpectNothingLeft(t, before)
	})
}

// Many pods at once all come up with addresses of their own, and go at once.
func TestCrowd(t *testing.T) {
	count := 100
	if testing.Short() {
		count = 30
	}
	each(t, []string{bridged()}, func(t *testing.T, d *containerd.Daemon) {
		end(t, d, run(t, d, containerd.Pod{Name: "first", Ports: published()}))
		before := machine.Picture(t)
		pods := make([]containerd.Sandbox, count)
		atOnce(count, func(i int) {
			var err error
			if pods[i], err = d.Run(containerd.Pod{Name: fmt.Sprintf("pod%d", i)}); err != nil {
				t.Error(err)
			}
		})
		if t.Failed() {
			return
		}
		owners := map[string]int{}
		for i, pod := range pods {
			expectAddresses(t, pod)
			for _, ip := range pod.IPs {
				if other, taken := owners[ip.String()]; taken {
					t.Errorf("pods %d and %d have address %v", i, other, ip)
				}
				owners[ip.String()] = i
			}
		}
		expectReachable(t, pods[0], "one")
		expectReachable(t, pods[count-1], "other")
		atOnce(count, func(i int) { end(t, d, pods[i]) })
		machine.ExpectNothingLeft(t, before)
	})
}

// atOnce calls f with each number below count, all beside each other.
func atOnce(count int, f func(int)) {
	var calls sync.WaitGroup
	for i := range count {
		calls.Go(func() { f(i) })
	}
	calls.Wait()
}
