package hostlink

import (
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Holdings returns what tells which attachments the host reaches by its own interfaces of a
// kind.
func Holdings(kind string) func([]owner.Attachment) ([]plugin.Holding, error) {
	return func([]owner.Attachment) ([]plugin.Holding, error) {
		reaches, err := all(func(string) bool { return true })
		var found []plugin.Holding
		for _, r := range reaches {
			if r.Kind == kind {
				found = append(found, plugin.Holding{Attachment: r.Attachment, Kind: "host interface", What: r.Link, Gone: r.Sandbox.IsGone()})
			}
		}
		return found, err
	}
}
