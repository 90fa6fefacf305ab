package bridge

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
)

// gatewayName is the interface of the host that has the gateways' addresses: the
// bridge itself or, for a VLAN, an interface in that VLAN.
func (c *Conf) gatewayName() string {
	if c.VLAN == 0 {
		return c.Bridge
	}
	return link.InnerName(c.Bridge, c.VLAN)
}

// gateway returns that interface, and makes that of a VLAN if need be.
func (c *Conf) gateway(a *iface.Attachment) (netlink.Link, error) {
	if c.VLAN == 0 {
		return c.made.Bridge, nil
	}
	l, isNew, err := a.Host.EnsureInner(a.Context, link.Inner{Bridge: c.made.Bridge, VLAN: c.VLAN, Prepare: c.prepareGateway})
	if isNew {
		a.Undo(func() error {
			return c.unlessShared(a, func() error { return a.Host.Delete(c.gatewayName(), "veth") })
		})
	}
	if err != nil {
		return nil, fmt.Errorf("failed to set vlan interface for bridge %q: %w", c.Bridge, err)
	}
	a.ReportHost(l)
	return l, nil
}

// prepareGateway makes the settings of the interface in the VLAN that are sysctls.
func (c *Conf) prepareGateway(name string) error {
	ip.SkipDetection(name)
	c.ignoreAdvertisements(name)
	return nil
}

// unlessShared takes back what the ADD did for the network as a whole, unless
// others use the bridge by now.
func (c *Conf) unlessShared(a *iface.Attachment, undo func() error) error {
	shared, err := a.Host.IsShared(c.made.Bridge, c.made.Port)
	if shared || err != nil {
		return err
	}
	return undo()
}

// awaitGateways waits until the host sends from the gateways, and takes packets to those of IPv6
// for its own. A bridge with STP needs half a minute for that.
func (c *Conf) awaitGateways(a *iface.Attachment, gateways []netlink.Addr) error {
	if len(gateways) == 0 || c.STP != nil && *c.STP {
		return nil
	}
	if err := a.Host.EnsureUp(a.Context, c.host); err != nil {
		return err
	}
	return ip.Config{Addrs: gateways}.AwaitLocal(a.Context, a.Host, c.host)
}
