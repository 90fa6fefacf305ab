package gc

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/containernetworking/plugins/pkg/owner"
)

// report is what a collection has done or, with dryRun, would do. A person is told at once, a
// program at the end.
type report struct {
	asJSON bool

	DryRun bool `json:"dryRun"`
	// Live and Gone are how many attachments are alive, and gone.
	Live int `json:"live"`
	Gone int `json:"gone"`
	// Removed are those that got a DEL.
	Removed []attachment `json:"removed"`
	// Collected are the plugins that got a GC.
	Collected []collected `json:"collected,omitempty"`
	// Strangers are namespaces of which the runtime knows no attachment, so that there was no GC.
	Strangers []string `json:"strangers,omitempty"`
}

type attachment struct {
	Network     string `json:"network"`
	ContainerID string `json:"containerID"`
	IfName      string `json:"ifName"`
}

type collected struct {
	Network string `json:"network"`
	Plugin  string `json:"plugin"`
	// Valid is how many attachments the plugin keeps what they have.
	Valid int `json:"valid"`
}

// say tells a person.
func (r *report) say(format string, args ...any) {
	if !r.asJSON {
		fmt.Printf(format+"\n", args...)
	}
}

func (r *report) remove(a owner.Attachment) {
	r.Removed = append(r.Removed, attachment(a))
	r.say("%s %s", map[bool]string{false: "removed", true: "would remove"}[r.DryRun], a)
}

func (r *report) collect(c collected) {
	r.Collected = append(r.Collected, c)
	if r.DryRun {
		r.say("would call GC of %s in network %s with %d valid attachments", c.Plugin, c.Network, c.Valid)
	}
}

// print tells a program.
func (r *report) print() error {
	if !r.asJSON {
		return nil
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}
