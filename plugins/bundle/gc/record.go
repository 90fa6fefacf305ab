package gc

import (
	"errors"
	"path/filepath"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/record"
	"github.com/containernetworking/plugins/pkg/sandbox"
	"github.com/containernetworking/plugins/plugins/bundle/libcni"
)

// recordings are where plugins keep records that tell of a container.
var recordings = []string{"/run/cni/firewall/attachments", "/run/cni/portmap"}

// recordedGone returns the attachments whose records say that they are gone, of which
// libcni knows nothing.
func recordedGone(cached ...[]libcni.Attachment) ([]libcni.Attachment, error) {
	known := map[owner.Attachment]bool{}
	for _, list := range cached {
		for _, a := range list {
			known[a.Owner()] = true
		}
	}
	var gone []libcni.Attachment
	var errs []error
	for _, dir := range recordings {
		names, err := record.Names(dir)
		errs = append(errs, err)
		for _, name := range names {
			var kept struct {
				owner.Attachment
				Sandbox sandbox.Sandbox `json:"sandbox"`
			}
			found, err := record.Read(filepath.Join(dir, name), &kept)
			errs = append(errs, err)
			if !found || kept.IfName == "" || known[kept.Attachment] || !kept.Sandbox.IsGone() {
				continue
			}
			known[kept.Attachment] = true
			gone = append(gone, libcni.Attachment{
				Network: kept.Network, ContainerID: kept.ContainerID, IfName: kept.IfName, Netns: kept.Sandbox.Netns,
			})
		}
	}
	return gone, errors.Join(errs...)
}
