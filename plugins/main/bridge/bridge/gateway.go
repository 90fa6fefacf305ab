package bridge

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

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
	l, err := c.vlanGateway(a)
	if err != nil {
		return nil, fmt.Errorf("failed to set vlan interface for bridge %q: %w", c.Bridge, err)
	}
	a.ReportHost(l)
	return l, nil
}

// maxRaces is how often the interface may be deleted by somebody else meanwhile.
const maxRaces = 10

// vlanGateway returns the interface of the host in the VLAN. ADDs that make it
// at the same time are told apart by the kernel (NLM_F_EXCL), and each completes
// what the other may not have come to yet: the interface is set up last.
func (c *Conf) vlanGateway(a *iface.Attachment) (netlink.Link, error) {
	name := c.gatewayName()
	for range maxRaces {
		l, port, err := a.Host.Inner(name)
		switch {
		case link.IsNotFound(err):
			err := a.Host.AddInner(c.made.Bridge, name)
			if err != nil && !errors.Is(err, unix.EEXIST) {
				return nil, err
			}
			if err == nil {
				a.Undo(func() error { return c.unlessShared(a, func() error { return a.Host.Delete(name, "veth") }) })
			}
		case err != nil:
			return nil, err
		case port.Attrs().MasterIndex == 0: // of a bridge that is gone
			if err := a.Host.LinkDel(l); err != nil && !link.IsNotFound(err) {
				return nil, fmt.Errorf("delete %q: %w", name, err)
			}
		case port.Attrs().MasterIndex != c.made.Bridge.Index:
			return nil, fmt.Errorf("%q exists but belongs to another bridge", name)
		default:
			return l, c.completeGateway(a.Host, l, port)
		}
	}
	return nil, fmt.Errorf("%q was deleted again and again by somebody else", name)
}

// completeGateway takes the port of a VLAN's gateway into that VLAN, and sets it
// up.
func (c *Conf) completeGateway(host *link.Namespace, l, port netlink.Link) error {
	if l.Attrs().Flags&port.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	only := Conf{VLAN: c.VLAN}
	if err := host.JoinVLANs(link.Connection{Bridge: c.made.Bridge, Port: port}, only.vlans); err != nil {
		return err
	}
	if err := ip.IgnoreAdvertisements(l.Attrs().Name); err != nil {
		return err
	}
	ip.SkipDetection(l.Attrs().Name)
	for _, end := range []netlink.Link{port, l} {
		if err := host.LinkSetUp(end); err != nil {
			return fmt.Errorf("set %q up: %w", end.Attrs().Name, err)
		}
	}
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

// awaitGateways waits until the host takes packets to the IPv6 gateways for its
// own. A bridge with STP needs half a minute for that.
func (c *Conf) awaitGateways(a *iface.Attachment, gateways []netlink.Addr) error {
	config := ip.Config{Addrs: gateways}
	if !config.HasIPv6() || c.STP != nil && *c.STP {
		return nil
	}
	l, err := a.Host.LinkByName(c.gatewayName())
	if err != nil {
		return fmt.Errorf("look %q up: %w", c.gatewayName(), err)
	}
	return config.AwaitUse(a.Context, a.Host, l)
}
