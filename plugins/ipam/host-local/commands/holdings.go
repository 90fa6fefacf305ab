package commands

import (
	"io"

	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// holdings returns the leases. One of before the boot is nobody's until its container gets
// it back, and needs no clearing away.
func holdings([]owner.Attachment) ([]plugin.Holding, error) {
	networks, err := source{}.networks(io.Discard)
	if err != nil {
		return nil, err
	}
	var found []plugin.Holding
	err = eachNetwork(networks, func(n network, leases []disk.Lease) {
		for _, l := range leases {
			what := l.Address.String()
			if l.Inherited {
				what += ", of before the boot"
			}
			a := owner.Attachment{Network: n.name, ContainerID: l.ContainerID, IfName: l.IfName}
			found = append(found, plugin.Holding{Attachment: a, Address: l.Address, Kind: "lease", What: what})
		}
	})
	return found, err
}
