package daemon

import (
	"encoding/json"
	"fmt"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/plugins/ipam/dhcp/store"
)

// defaultRoute returns what the plugin that makes the interface does with default routes. To one of
// others the key may mean something else.
func defaultRoute(conf []byte) iface.DefaultRoute {
	var main struct {
		DefaultRoute iface.DefaultRoute `json:"defaultRoute"`
	}
	if json.Unmarshal(conf, &main) != nil {
		return iface.DefaultRoute{}
	}
	return main.DefaultRoute
}

// kernelConfig is what plugins make of the result of a lease.
func (b *binding) kernelConfig(r *store.Record) ip.Config {
	reported := result(b.conf, r)
	b.defaultRoute.Apply(reported)
	return iface.SetUp{}.Config(reported)
}

// changeMTU sets the MTU that the server says, or else that from before.
func (b *binding) changeMTU(at *reached, r *store.Record) error {
	if !b.conf.MTU {
		return nil
	}
	mtu := leasedMTU(b.conf, r)
	if mtu == 0 {
		mtu = r.MTU
	}
	if mtu == 0 || mtu == at.link.Attrs().MTU {
		return nil
	}
	if err := at.LinkSetMTU(at.link, mtu); err != nil {
		return fmt.Errorf("set MTU of %q to %d: %w", at.link.Attrs().Name, mtu, err)
	}
	at.link.Attrs().MTU = mtu
	return nil
}
