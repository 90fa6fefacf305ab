package iface

import (
	"fmt"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/ipam"
	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// minMTU is the smallest MTU that IPv4 allows (RFC 791), and ETH_MIN_MTU.
const minMTU = 68

// MaxMTU is the largest MTU that the drivers of bridge and veth take, ETH_MAX_MTU.
const MaxMTU = 65535

// ValidateMTU checks an MTU in bytes, where 0 leaves it to the kernel, and most is the largest
// one that the driver takes.
func ValidateMTU(mtu, most int) error {
	if mtu == 0 || minMTU <= mtu && mtu <= most {
		return nil
	}
	return fmt.Errorf("invalid mtu %d (must be 0 or between %d and %d)", mtu, minMTU, most)
}

// CheckIPv6 refuses an MTU, 0 if that is the kernel's choice, that is too small for an
// address that the container has or is to get. Before the interface is there, only some
// IPAM plugins tell by their configuration what they will give it.
func (c *Conf) CheckIPv6(a *Attachment, mtu int) error {
	if mtu == 0 || mtu >= netdev.MinMTU6 {
		return nil
	}
	networks := a.Networks()
	if c.addressesAnyInterface() {
		networks = append(networks, ipam.Networks(a.Args.StdinData)...)
	}
	if err := netdev.CheckMTU(mtu, networks); err != nil {
		return plugin.Errorf(types.ErrInvalidNetworkConfig, "%w", err)
	}
	return nil
}
