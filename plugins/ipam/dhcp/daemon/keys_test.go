package daemon

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/owner"
)

// One at a time has a key; other keys are free; who waits may give up; nothing is
// left at the end.
func TestKeys(t *testing.T) {
	t.Parallel()
	var k keys
	one, other := owner.Attachment{ContainerID: "one"}, owner.Attachment{ContainerID: "other"}
	unlock, err := k.lock(context.Background(), one)
	if err != nil {
		t.Fatal(err)
	}
	unlockOther, err := k.lock(context.Background(), other)
	if err != nil {
		t.Fatal(err)
	}
	unlockOther()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := k.lock(ctx, one); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	holders, most := 0, 0
	var running sync.WaitGroup
	for range 50 {
		running.Go(func() {
			unlock, err := k.lock(context.Background(), one)
			if err != nil {
				t.Error(err)
				return
			}
			holders++
			most = max(most, holders)
			holders--
			unlock()
		})
	}
	unlock()
	running.Wait()
	if most != 1 || len(k.slots) != 0 {
		t.Errorf("%d had the key at once, %d slots left", most, len(k.slots))
	}
}
