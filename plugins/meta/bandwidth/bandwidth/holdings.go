package bandwidth

import (
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

const kind = "shaping"

// holdings returns the devices of the host by which containers are shaped. The name of
// upstream's is made from their owner's.
func holdings(known []owner.Attachment) ([]plugin.Holding, error) {
	host, err := link.Host()
	if err != nil {
		return nil, err
	}
	defer host.Close()
	devices, err := host.OfKind(ifbKind)
	owners := map[string]owner.Attachment{}
	for _, a := range known {
		owners[upstreamsName(a)] = a
	}
	var found []plugin.Holding
	for _, device := range devices {
		name := device.Attrs().Name
		switch a, ok := owners[name]; {
		case owner.IsTag(device.Attrs().Alias):
			found = append(found, plugin.Tagged(device.Attrs().Alias, kind, "by %s", name))
		case isUpstreams(device) && ok:
			found = append(found, plugin.Holding{Attachment: a, Kind: kind, What: "by " + name + ", of containernetworking/plugins"})
		case isUpstreams(device):
			found = append(found, plugin.Holding{Kind: kind, What: "by " + name + ", of containernetworking/plugins"})
		}
	}
	return found, err
}
