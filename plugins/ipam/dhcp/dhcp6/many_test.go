package dhcp6

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// TestWaitsTakeNoThreads has many exchanges wait at the same time.
func TestWaitsTakeNoThreads(t *testing.T) {
	const clients = 100
	net := newNetwork(t)
	var links []netlink.Link
	for i := range clients {
		links = append(links, net.join(t, net.container, fmt.Sprintf("net%d", i)))
	}
	for _, l := range links {
		awaitSender(t, net.container, l)
	}
	before := threads(t)
	var waiting sync.WaitGroup
	ctx := within(t, 2*time.Second)
	for i, l := range links {
		client := newClient()
		client.IAID = uint32(i)
		waiting.Go(func() {
			if _, err := client.Acquire(ctx, net.container, l); !errors.Is(err, ErrNoServer) {
				t.Error(err)
			}
		})
	}
	// The last of them has sent by the time the first one sends again.
	liar := net.liar(t)
	for range 2 * clients {
		if _, err := liar.receive(ctx, time.Now().Add(budget)); err != nil {
			break
		}
	}
	now := threads(t)
	waiting.Wait()
	t.Logf("%d threads before, %d while %d exchanges wait", before, now, clients)
	if now > before+clients/2 {
		t.Errorf("%d threads before, %d while %d exchanges wait", before, now, clients)
	}
}

// threads counts those of this process.
func threads(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
