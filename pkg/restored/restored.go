// Package restored counts what a repair makes again, for the person who has asked for it.
// Whatever makes rules counts them here, and whoever repairs tells whose they are, so that
// nothing in between has to hand numbers on. Calls of runtimes never ask.
package restored

import (
	"fmt"
	"sync"

	"github.com/containernetworking/plugins/pkg/owner"
)

var made struct {
	sync.Mutex
	rules int
	of    map[owner.Attachment]bool
}

// Rules counts rules, or elements of sets that rules look up.
func Rules(n int) {
	made.Lock()
	defer made.Unlock()
	made.rules += n
}

// Of notes that an attachment lacked something. What all have in common is nobody's.
func Of(a owner.Attachment) {
	made.Lock()
	defer made.Unlock()
	if made.of == nil {
		made.of = map[owner.Attachment]bool{}
	}
	made.of[a] = true
}

// Total is what a process has restored.
type Total struct {
	Rules       int `json:"rules"`
	Attachments int `json:"attachments"`
}

// Count returns what this process has restored until now.
func Count() Total {
	made.Lock()
	defer made.Unlock()
	return Total{made.rules, len(made.of)}
}

func (t Total) String() string {
	if t == (Total{}) {
		return "nothing was missing"
	}
	return fmt.Sprintf("restored rules: %d, of attachments: %d", t.Rules, t.Attachments)
}
