package dhcp

import (
	"fmt"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// holdings returns the leases that daemons keep, also those that do not run.
func holdings([]owner.Attachment) ([]plugin.Holding, error) {
	records, err := store.All(store.Dir)
	var found []plugin.Holding
	for _, r := range records {
		found = append(found, plugin.Holding{
			Attachment: r.Attachment(), Kind: "dhcp lease", What: fmt.Sprintf("of %s, kept by the daemon at %s", r.MAC, r.Socket),
		})
	}
	return found, err
}
