package sbr

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/routing"
)

// Conf is the plugin's part of a network configuration.
type Conf struct {
	// Table is the table that the rules lead to, whatever is in it. The plugin adds
	// default routes through the configured gateways, and touches no other routes.
	// Default: a table of its own for each address.
	//
	//schema:value {"minimum": 1, "maximum": 4294967295}
	Table *int `json:"table"`
	// Gateways are at most one address of each family, and override the gateways
	// of prevResult.
	//
	//schema:value {"maxItems": 2}
	Gateways []string `json:"gateways"`
	// SubnetGateways has gateways by the subnet whose addresses they are for, in
	// CIDR notation. They override Gateways; of several subnets, the smallest
	// counts.
	SubnetGateways map[string]string `json:"subnetGateways"`
	// AddSourceHints leaves the route to each address's subnet in the main table,
	// with the address as preferred source.
	AddSourceHints bool `json:"addSourceHints"`

	gateways []netip.Addr
	subnets  []subnetGateway // the smallest subnet first
}

type subnetGateway struct {
	subnet  netip.Prefix
	gateway netip.Addr
}

// Validate checks the configuration.
func (c *Conf) Validate() error {
	if c.Table != nil && (*c.Table < 1 || *c.Table > routing.MaxTable) {
		return fmt.Errorf("table %d is not between 1 and %d", *c.Table, routing.MaxTable)
	}
	if err := c.parseGateways(); err != nil {
		return err
	}
	return c.parseSubnetGateways()
}

func (c *Conf) parseGateways() error {
	if len(c.Gateways) > 2 {
		return errors.New("gateways list cannot contain more than 2 entries (one IPv4, one IPv6)")
	}
	for _, text := range c.Gateways {
		gateway, err := netip.ParseAddr(text)
		if err != nil || gateway.Zone() != "" {
			return fmt.Errorf("invalid static gateway IP address: %s", text)
		}
		gateway = gateway.Unmap()
		if i := slices.IndexFunc(c.gateways, func(other netip.Addr) bool { return other.Is4() == gateway.Is4() }); i >= 0 {
			return fmt.Errorf("gateways list contains multiple %s addresses: %v and %v", family(gateway), c.gateways[i], gateway)
		}
		c.gateways = append(c.gateways, gateway)
	}
	return nil
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

func (c *Conf) parseSubnetGateways() error {
	for _, key := range slices.Sorted(maps.Keys(c.SubnetGateways)) {
		text := c.SubnetGateways[key]
		subnet, err := netip.ParsePrefix(key)
		if err != nil {
			return fmt.Errorf("invalid subnet of subnetGateways: %s", key)
		}
		gateway, err := netip.ParseAddr(text)
		if err != nil || gateway.Zone() != "" {
			return fmt.Errorf("invalid gateway of subnet %s: %s", key, text)
		}
		gateway = gateway.Unmap()
		if gateway.Is4() != subnet.Addr().Is4() {
			return fmt.Errorf("gateway %v of subnet %s is of another family", gateway, key)
		}
		subnet = subnet.Masked()
		if slices.ContainsFunc(c.subnets, func(s subnetGateway) bool { return s.subnet == subnet }) {
			return fmt.Errorf("subnet %v has several gateways", subnet)
		}
		c.subnets = append(c.subnets, subnetGateway{subnet, gateway})
	}
	slices.SortFunc(c.subnets, func(a, b subnetGateway) int { return b.subnet.Bits() - a.subnet.Bits() })
	return nil
}

// gateway returns the gateway that the configuration has for an address, or nil.
func (c *Conf) gateway(address netip.Addr) net.IP {
	for _, s := range c.subnets {
		if s.subnet.Contains(address) {
			return s.gateway.AsSlice()
		}
	}
	for _, g := range c.gateways {
		if g.Is4() == address.Is4() {
			return g.AsSlice()
		}
	}
	return nil
}

// source is an address of the interface.
type source struct {
	netip.Prefix
	gateway net.IP // by prevResult, or nil
}

// sources returns the interface's addresses, each once.
func sources(ips []*current.IPConfig) ([]source, error) {
	var all []source
	for _, ip := range ips {
		address, _ := netip.AddrFromSlice(ip.Address.IP)
		address = address.Unmap()
		length, bits := ip.Address.Mask.Size()
		if bits == 0 || bits != address.BitLen() {
			return nil, fmt.Errorf("prevResult has an invalid address %v", &ip.Address)
		}
		if !slices.ContainsFunc(all, func(s source) bool { return s.Addr() == address }) {
			all = append(all, source{netip.PrefixFrom(address, length), ip.Gateway})
		}
	}
	return all, nil
}
