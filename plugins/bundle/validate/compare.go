package validate

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/schema"
)

// compare looks at what the configurations are to each other, and their plugins.
func (c *configurations) compare() {
	for i, n := range c.networks {
		for _, of := range n.plugins {
			c.compareCapabilities(of)
		}
		c.compareMTUs(n)
		for _, earlier := range c.networks[:i] {
			c.compareNames(earlier, n)
			c.compareSubnets(earlier, n)
		}
	}
}

// compareNames finds names by which runtimes take one network for another.
func (c *configurations) compareNames(earlier, n network) {
	short, long := earlier.Name, n.Name
	if len(short) > len(long) {
		short, long = long, short
	}
	switch {
	case short == "":
	case short == long:
		c.tell(n.file, schema.Warning, "name", "%s has a network of this name, too: runtimes take that one", earlier.file)
	case strings.HasPrefix(long, short+"-"):
		c.tell(n.file, schema.Warning, "name", "libcni may mix up the results of networks %q and %q, for containers whose ids contain a hyphen: it puts hyphens between name, container and interface",
			short, long)
	}
}

// compareCapabilities finds capabilities that the plugins do not have, and those without
// which they do nothing.
func (c *configurations) compareCapabilities(of conf) {
	p := c.plugin(of.Type)
	if p == nil || of.IPAM.Type != "" && c.plugin(of.IPAM.Type) == nil {
		return
	}
	known := capabilities(p.ParseSchema())
	if delegate := c.plugin(of.IPAM.Type); delegate != nil {
		known = append(known, capabilities(delegate.ParseSchema())...)
	}
	for _, capability := range slices.Sorted(maps.Keys(of.Capabilities)) {
		if of.Capabilities[capability] && !slices.Contains(known, capability) {
			c.warn(of, schema.Join("capabilities", capability), "%s has no such capability%s", of.Type, among(known))
		}
	}
	if need := needed(of); need != "" && !of.Capabilities[need] {
		c.warn(of, "", `%s does nothing without "capabilities": {%q: true}, by which the runtime says what it is to do`, of.Type, need)
	}
}

func among(known []string) string {
	if len(known) == 0 {
		return ""
	}
	return ", but " + strings.Join(known, ", ")
}

// capabilities returns those that a schema tells of.
func capabilities(s *schema.Schema) []string {
	var all []string
	if s == nil {
		return nil
	}
	if runtime := s.Properties.Find("runtimeConfig"); runtime != nil {
		for _, p := range runtime.Properties {
			all = append(all, p.Key)
		}
	}
	return all
}

// needed returns the capability from which a plugin has all that it does, if the configuration
// has none of that itself.
func needed(of conf) string {
	switch of.Type {
	case "portmap":
		return "portMappings"
	case "bandwidth":
		for _, key := range []string{"ingressRate", "egressRate", "ingressBurst", "egressBurst"} {
			if of.keys[key] != nil {
				return ""
			}
		}
		return "bandwidth"
	}
	return ""
}

// compareMTUs finds MTUs with which containers get no addresses of IPv6: ADD of the plugin that gives
// them fails, and behind a tuning they vanish.
func (c *configurations) compareMTUs(n network) {
	var given []*net.IPNet
	for _, of := range n.plugins {
		for _, s := range of.subnets() {
			given = append(given, &net.IPNet{IP: s.Addr().AsSlice(), Mask: net.CIDRMask(s.Bits(), s.Addr().BitLen())})
		}
	}
	for _, of := range n.plugins {
		var mtu int
		if json.Unmarshal(of.keys["mtu"], &mtu) != nil {
			continue
		}
		if err := netdev.CheckMTU(mtu, given); err != nil {
			c.tell(of.file, schema.Error, schema.Within(of.place, "mtu"), "%v", err)
		}
	}
}

// subnet is one that containers get addresses of.
type subnet struct {
	netip.Prefix
	place string
}

// subnets returns those that the IPAM plugin of a configuration has.
func (of conf) subnets() []subnet {
	type member struct {
		Subnet  string `json:"subnet"`
		Address string `json:"address"`
	}
	var ipam struct {
		member
		Ranges    [][]member `json:"ranges"`
		Addresses []member   `json:"addresses"`
	}
	_ = json.Unmarshal(of.keys["ipam"], &ipam)
	var all []subnet
	add := func(text, place string) {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			all = append(all, subnet{prefix.Masked(), place})
		}
	}
	add(ipam.Subnet, "ipam.subnet")
	for i, set := range ipam.Ranges {
		for j, r := range set {
			add(r.Subnet, fmt.Sprintf("ipam.ranges[%d][%d].subnet", i, j))
		}
	}
	for i, a := range ipam.Addresses {
		add(a.Address, fmt.Sprintf("ipam.addresses[%d].address", i))
	}
	return all
}

// bridge returns the bridge that a configuration is about.
func (of conf) bridge() string {
	if of.Type != "bridge" || of.Bridge != "" {
		return of.Bridge
	}
	return "cni0"
}

// isRouted reports whether the host routes a plugin's subnets to the containers. Those of
// others are their neighbours' subnets.
func (of conf) isRouted() bool { return of.Type == "ptp" || of.Type == "bridge" }

// compareSubnets finds networks that share a bridge but no subnet, and those that the host
// cannot tell apart, as their subnets overlap.
func (c *configurations) compareSubnets(earlier, n network) {
	for _, a := range earlier.plugins {
		for _, b := range n.plugins {
			if !a.isRouted() || !b.isRouted() {
				continue
			}
			one, other := a.subnets(), b.subnets()
			share := a.bridge() != "" && a.bridge() == b.bridge()
			if share && len(one) > 0 && len(other) > 0 && !slices.EqualFunc(one, other, func(a, b subnet) bool { return a.Prefix == b.Prefix }) {
				c.warn(b, "bridge", "%s in %s has the bridge %q as well, with other subnets", earlier.Name, a.file, b.bridge())
			}
			for _, s := range other {
				i := slices.IndexFunc(one, func(o subnet) bool { return o.Overlaps(s.Prefix) })
				if i >= 0 && !share && earlier.Name != n.Name {
					c.warn(b, s.place, "%v overlaps with %v of network %q in %s", s.Prefix, one[i].Prefix, earlier.Name, a.file)
				}
			}
		}
	}
}
