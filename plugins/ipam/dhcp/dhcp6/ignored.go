package dhcp6

import (
	"fmt"
	"sync/atomic"
)

// Ignored counts packets that came to a client and were not for it, or not
// true. It may be shared by any number of clients.
type Ignored struct {
	// Malformed have lengths that do not fit, or options that may not be.
	Malformed atomic.Uint64
	// Type are messages of another type than the one waited for.
	Type atomic.Uint64
	// Transaction are answers to another message than the last.
	Transaction atomic.Uint64
	// Client are for a client with another DUID.
	Client atomic.Uint64
	// Server have no server DUID, or another one than asked.
	Server atomic.Uint64
	// Content are from the right server and offer nothing usable.
	Content atomic.Uint64
	// Advertisement are malformed or forged router advertisements.
	Advertisement atomic.Uint64
}

// Total is the sum of all counters.
func (i *Ignored) Total() uint64 {
	return i.Malformed.Load() + i.Type.Load() + i.Transaction.Load() + i.Client.Load() +
		i.Server.Load() + i.Content.Load() + i.Advertisement.Load()
}

// String lists the counters.
func (i *Ignored) String() string {
	return fmt.Sprintf("malformed %d, type %d, transaction %d, client %d, server %d, content %d, advertisement %d",
		i.Malformed.Load(), i.Type.Load(), i.Transaction.Load(), i.Client.Load(),
		i.Server.Load(), i.Content.Load(), i.Advertisement.Load())
}
