package bridge

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/ipam"
)

// addGateways gives an interface of the host the gateways' addresses. Those that
// it has stay, whoever added them.
func (c *Conf) addGateways(a *iface.Attachment, l netlink.Link, gateways []netlink.Addr) error {
	present, err := a.Host.Networks(l)
	if err != nil {
		return err
	}
	for _, gateway := range gateways {
		if ip.HasNetwork(present, gateway.IPNet) {
			continue
		}
		replaced := inTheWay(a, present, gateway.IPNet, gateways)
		if len(replaced) > 0 && !c.ForceAddress {
			return fmt.Errorf("%q already has an IP address different from %v: %v (forceAddress replaces it)", l.Attrs().Name, gateway.IPNet, replaced[0])
		}
		if err := c.addGateway(a, l, gateway, replaced); err != nil {
			return err
		}
	}
	return nil
}

// inTheWay returns the addresses that gateway is to replace: none in subnets of
// this network, be it that their containers come later.
func inTheWay(a *iface.Attachment, present []*net.IPNet, gateway *net.IPNet, gateways []netlink.Addr) []*net.IPNet {
	found := ip.Conflicts(present, gateway)
	if len(found) == 0 {
		return nil
	}
	own := ipam.Networks(a.Args.StdinData)
	for _, g := range gateways {
		own = append(own, ip.Network(g.IPNet))
	}
	return slices.DeleteFunc(found, func(n *net.IPNet) bool { return ip.HasNetwork(own, ip.Network(n)) })
}

// addGateway adds one address in place of those that it replaces.
func (c *Conf) addGateway(a *iface.Attachment, l netlink.Link, gateway netlink.Addr, replaced []*net.IPNet) error {
	a.Undo(func() error {
		return c.unlessShared(a, func() error {
			errs := []error{ignore(a.Host.AddrDel(l, &gateway), unix.EADDRNOTAVAIL, unix.ENODEV)}
			for _, network := range replaced {
				errs = append(errs, ignore(a.Host.AddrAdd(l, &netlink.Addr{IPNet: network}), unix.EEXIST, unix.ENODEV))
			}
			return errors.Join(errs...)
		})
	})
	name := l.Attrs().Name
	for _, network := range replaced {
		err := ignore(a.Host.AddrDel(l, &netlink.Addr{IPNet: network}), unix.EADDRNOTAVAIL)
		if err != nil {
			return fmt.Errorf("delete address %v of %q: %w", network, name, err)
		}
	}
	if gateway.IP.To4() == nil {
		if err := c.allowIPv6(a, l); err != nil {
			return err
		}
	}
	// Another ADD may have been faster.
	if err := ignore(a.Host.AddrAdd(l, &gateway), unix.EEXIST); err != nil {
		return fmt.Errorf("could not add IP address %v to %q: %w", gateway.IPNet, name, err)
	}
	return nil
}

// allowIPv6 looks at the interface again: the kernel may have changed the MTU of a bridge
// with its new port.
func (c *Conf) allowIPv6(a *iface.Attachment, l netlink.Link) error {
	name := l.Attrs().Name
	l, err := a.Host.LinkByIndex(l.Attrs().Index)
	if err != nil {
		return fmt.Errorf("look %q up: %w", name, err)
	}
	if err := c.CheckIPv6(a, l.Attrs().MTU); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	return ip.EnableIPv6(name)
}

func ignore(err error, expected ...error) error {
	if slices.ContainsFunc(expected, func(e error) bool { return errors.Is(err, e) }) {
		return nil
	}
	return err
}
