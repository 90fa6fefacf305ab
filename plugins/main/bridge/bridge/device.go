package bridge

import (
	"fmt"

	"github.com/containernetworking/plugins/pkg/ip"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/utils/sysctl"
)

// bridge is what the configuration says of the bridge.
func (c *Conf) bridge() link.Bridge {
	b := link.Bridge{Name: c.Bridge, MTU: c.MTU, Promiscuous: c.PromiscMode, Prepare: c.prepareBridge}
	b.Flags.STP, b.Flags.MulticastSnooping = c.STP, c.MulticastSnooping
	if c.filtersVLANs() {
		b.Flags.VLANFiltering = new(bool)
		*b.Flags.VLANFiltering = true
	}
	return b
}

// prepareBridge makes the settings of the bridge that are sysctls. Its name is the one that
// counts from here on: the configuration may have an alternative one.
func (c *Conf) prepareBridge(name string, isNew bool) error {
	c.Bridge = name
	if isNew {
		ip.SkipDetection(c.Bridge)
	}
	if c.DisableIPv6 {
		if err := sysctl.Ensure("net/ipv6/conf/"+c.Bridge+"/disable_ipv6", "1"); err != nil {
			return fmt.Errorf("disable IPv6 on %q: %w", c.Bridge, err)
		}
	}
	c.ignoreAdvertisements(c.Bridge)
	return nil
}

// ignoreAdvertisements keeps its error until it is known whether the container has an
// IPv6 address.
func (c *Conf) ignoreAdvertisements(name string) {
	c.heeded = plugin.Join(c.heeded, ip.IgnoreAdvertisements(name))
}
