package iface

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// maxQueues is the most that the kernel takes (rtnl_create_link).
const maxQueues = 4096

// Queues are how many queues an interface has for each direction.
type Queues struct {
	// NumTxQueues and NumRxQueues are how many queues the interface has, up to 4096.
	// Default: 0, which leaves it to the kernel (1).
	//
	//schema:value {"minimum": 0, "maximum": 4096}
	NumTxQueues int `json:"numTxQueues"`
	NumRxQueues int `json:"numRxQueues"`
}

// Validate checks the bounds.
func (q Queues) Validate() error {
	for _, queues := range []struct {
		key   string
		count int
	}{{"numTxQueues", q.NumTxQueues}, {"numRxQueues", q.NumRxQueues}} {
		if queues.count < 0 || queues.count > maxQueues {
			return fmt.Errorf("invalid %s %d (must be between 0 and %d)", queues.key, queues.count, maxQueues)
		}
	}
	return nil
}

// Set writes them into what the kernel is asked for.
func (q Queues) Set(attrs *netlink.LinkAttrs) {
	attrs.NumTxQueues, attrs.NumRxQueues = q.NumTxQueues, q.NumRxQueues
}
