package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/integration/node"
)

// 300 DELs at once, of a chain for each of 100 containers, of which some are killed and come
// again, and some come twice. Containers are added again, as soon as they are deleted and
// beside that. Nothing fails, nothing of those is left, and all of another one that stays.
func TestBurst(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"iptables", "nftables"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			n := node.New(t)
			plugins := func(port int) []string {
				return []string{
					fmt.Sprintf(`"type": "bridge", "bridge": "br0", "ipMasq": true, "ipMasqBackend": %q`, backend),
					fmt.Sprintf(`"type": "portmap", "backend": %q, "runtimeConfig": {"portMappings": [{"hostPort": %d, "containerPort": 80, "protocol": "tcp"}]}`, backend, port),
					fmt.Sprintf(`"type": "firewall", "backend": %q, "ingressPolicy": "same-bridge"`, backend),
				}
			}
			stays := n.Container(t, "stays")
			staying := addChain(t, n, stays, plugins(8000))
			var containers []*node.Container
			for i := range 100 {
				containers = append(containers, n.Container(t, fmt.Sprint("c", i)))
			}
			before := n.State(t, append(containers, stays)...)
			chains := make([][]node.Call, len(containers))
			var running sync.WaitGroup
			for i, c := range containers {
				running.Go(func() { chains[i] = addChain(t, n, c, plugins(8001+i)) })
				if i%8 == 7 {
					running.Wait()
				}
			}
			running.Wait()
			for i, c := range containers {
				running.Go(func() {
					deleteChain(t, n, chains[i], i%3 == 0)
					if i%5 != 0 {
						return
					}
					again := addChain(t, n, c, plugins(8001+i))
					late := make(chan bool)
					go func() { deleteChain(t, n, again, false); close(late) }() // of whom the runtime has forgotten
					n.Run(t, "ADD", again[0])                                    // which may meet what goes
					<-late
					deleteChain(t, n, again, i%2 == 0)
				})
			}
			running.Wait()
			expectRestored(t, n, before, "after DEL", append(containers, stays)...)
			for _, call := range staying {
				n.Must(t, "CHECK", call)
			}
			for _, call := range staying {
				n.Must(t, "DEL", call)
			}
		})
	}
}

// deleteChain makes the calls, the last plugin's first. Each one of unlucky ones is killed at some
// time, once, and made again.
func deleteChain(t *testing.T, n *node.Node, calls []node.Call, unlucky bool) {
	t.Helper()
	for _, call := range calls {
		if unlucky {
			ctx, cancel := context.WithTimeout(context.Background(), rand.N(100*time.Millisecond))
			out := n.RunUntil(ctx, t, "DEL", call)
			cancel()
			if err := out.Err(); err != nil && out.Status.Signal() != syscall.SIGKILL {
				t.Errorf("%s %s: %v", call.Plugin, call.ContainerID, err)
			}
		}
		if err := n.Run(t, "DEL", call).Err(); err != nil {
			t.Errorf("%s %s: %v", call.Plugin, call.ContainerID, err)
		}
	}
}
