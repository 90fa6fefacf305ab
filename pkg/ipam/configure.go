package ipam

import (
	"errors"
	"fmt"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
)

// Paths of sysctls of an interface, for the %s of whose name Go's formatting
// verb stands. They are written with slashes, so that dots in names are kept.
const (
	DisableIPv6SysctlTemplate    = "net/ipv6/conf/%s/disable_ipv6"
	KeepAddrOnDownSysctlTemplate = "net/ipv6/conf/%s/keep_addr_on_down"
)

// ConfigureIface gives an interface of the current namespace the addresses and
// routes of res that belong to it, and sets it up. Addresses without interface
// index are left out; an index that names no interface, or another one, is an
// error. If there is an IPv6 gateway, it waits until the addresses have passed
// duplicate address detection.
func ConfigureIface(ifName string, res *current.Result) error {
	if len(res.Interfaces) == 0 {
		return errors.New("no interfaces to configure")
	}
	n, err := link.Host()
	if err != nil {
		return err
	}
	defer n.Close()
	l, err := n.LinkByName(ifName)
	if err != nil {
		return fmt.Errorf("failed to lookup %q: %w", ifName, err)
	}
	config, err := Plan(ifName, res)
	if err != nil {
		return err
	}
	if err := config.Apply(n, l); err != nil {
		return err
	}
	if _, gateway6 := ip.FirstGateways(res.IPs); gateway6 == nil {
		return nil
	}
	if err := ip.SettleAddresses(ifName, ip.DetectionTime); err != nil {
		return fmt.Errorf("failed to settle addresses for %q: %w", ifName, err)
	}
	return nil
}

// Plan returns what the addresses and routes of res mean for one of its
// interfaces. Routes without gateway go through the first gateway of their
// family.
func Plan(ifName string, res *current.Result) (ip.Config, error) {
	var config ip.Config
	var own []*current.IPConfig
	for _, address := range res.IPs {
		if address.Interface == nil {
			continue
		}
		index := *address.Interface
		if index < 0 || index >= len(res.Interfaces) || res.Interfaces[index].Name != ifName {
			return config, fmt.Errorf("failed to add IP addr %v to %q: invalid interface index", address, ifName)
		}
		own = append(own, address)
		config.Addrs = append(config.Addrs, netlink.Addr{IPNet: &address.Address})
	}
	gateway4, gateway6 := ip.FirstGateways(own)
	config.Routes = ip.Routes(res.Routes, gateway4, gateway6)
	return config, nil
}
