package daemon

import (
	"context"
	"fmt"
	"sync"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/config"
)

// keys serialises what happens to one attachment.
type keys struct {
	mu    sync.Mutex
	slots map[owner.Attachment]*slot
}

type slot struct {
	// taken has room for one holder, users counts those who wait as well.
	taken chan struct{}
	users int
}

// lock waits for its turn and returns what ends it.
func (k *keys) lock(ctx context.Context, key owner.Attachment) (unlock func(), err error) {
	k.mu.Lock()
	if k.slots == nil {
		k.slots = make(map[owner.Attachment]*slot)
	}
	s := k.slots[key]
	if s == nil {
		s = &slot{taken: make(chan struct{}, 1)}
		k.slots[key] = s
	}
	s.users++
	k.mu.Unlock()
	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if s.users--; s.users == 0 {
			delete(k.slots, key)
		}
	}
	select {
	case s.taken <- struct{}{}:
		return func() { <-s.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, fmt.Errorf("wait for another call for %s: %w", config.Key(key), ctx.Err())
	}
}
