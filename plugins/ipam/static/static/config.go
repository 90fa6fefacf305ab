package static

import (
	"net"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Conf is the network configuration, as far as static reads it.
type Conf struct {
	CNIVersion string `json:"cniVersion"`
	// IPAM is the part of this plugin.
	//
	//schema:required
	IPAM *IPAM `json:"ipam"`
	Args struct {
		CNI struct {
			// IPs, in CIDR notation, replace ipam.addresses and those of
			// CNI_ARGS.
			IPs []string `json:"ips"`
		} `json:"cni"`
	} `json:"args"`
	RuntimeConfig struct {
		// IPs, in CIDR notation, replace all others.
		IPs []string `json:"ips"`
	} `json:"runtimeConfig"`
}

// IPAM is static's own part of the configuration.
type IPAM struct {
	// Addresses of the container. Default: none.
	Addresses []struct {
		// Address in CIDR notation.
		//
		//schema:required
		Address string `json:"address"`
		// Gateway is the next hop for routes that name none. It need not be in the address's
		// subnet. Default: that of CNI_ARGS which is, if there is one.
		Gateway net.IP `json:"gateway"`
	} `json:"addresses"`
	// Routes of the container are returned as they are.
	Routes []*types.Route `json:"routes"`
	// DNS has settings that are returned as they are.
	DNS types.DNS `json:"dns"`
}

func load(stdin []byte) (*Conf, error) {
	conf := new(Conf)
	if err := plugin.Unmarshal(stdin, conf); err != nil {
		return nil, plugin.Errorf(types.ErrDecodingFailure, "%w", err)
	}
	if conf.IPAM == nil {
		return nil, invalid("IPAM config missing 'ipam' key")
	}
	return conf, nil
}

// result returns what ADD answers to the configuration with these CNI_ARGS.
func (c *Conf) result(cniArgs string) (*current.Result, error) {
	ips, err := c.ips(cniArgs)
	if err != nil {
		return nil, err
	}
	if err := c.checkIPs(ips); err != nil {
		return nil, err
	}
	if err := plugin.CheckRoutes(c.IPAM.Routes); err != nil {
		return nil, invalid("%w", err)
	}
	return &current.Result{IPs: ips, Routes: c.IPAM.Routes, DNS: c.IPAM.DNS}, nil
}

// ips returns the addresses of the source that has precedence. What the runtime
// passes must be valid in any case; addresses of the configuration file only if
// nothing replaces them.
func (c *Conf) ips(cniArgs string) ([]*current.IPConfig, error) {
	requested, err := parseArgs(cniArgs)
	if err != nil {
		return nil, err
	}
	conventional, err := parseIPs(c.Args.CNI.IPs)
	if err != nil {
		return nil, err
	}
	capability, err := parseIPs(c.RuntimeConfig.IPs)
	if err != nil {
		return nil, err
	}
	switch {
	case len(capability) > 0:
		return capability, nil
	case len(conventional) > 0:
		return conventional, nil
	}
	configured, err := c.IPAM.ips()
	if err != nil {
		return nil, err
	}
	return requested.complete(configured), nil
}

func (c *IPAM) ips() ([]*current.IPConfig, error) {
	ips := make([]*current.IPConfig, len(c.Addresses))
	for i, a := range c.Addresses {
		address, err := types.ParseCIDR(a.Address)
		if err != nil {
			return nil, invalid("the 'address' field is expected to be in CIDR notation, got: '%s'", a.Address)
		}
		ips[i] = &current.IPConfig{Address: *address, Gateway: a.Gateway}
	}
	return ips, nil
}

func parseIPs(texts []string) ([]*current.IPConfig, error) {
	ips := make([]*current.IPConfig, len(texts))
	for i, text := range texts {
		address, err := types.ParseCIDR(text)
		if err != nil {
			return nil, invalid("an entry in the 'ips' field is NOT in CIDR notation, got: '%s'", text)
		}
		ips[i] = &current.IPConfig{Address: *address}
	}
	return ips, nil
}

// checkIPs refuses what the kernel (an address twice) or the version of the
// specification (before 0.3.0, more than one per family) cannot have.
func (c *Conf) checkIPs(ips []*current.IPConfig) error {
	seen := make(map[string]bool, len(ips))
	var v4, v6 int
	for _, ip := range ips {
		text := ip.Address.String()
		if seen[text] {
			return invalid("address %s is given twice", text)
		}
		seen[text] = true
		if ip.Address.IP.To4() != nil {
			v4++
		} else {
			v6++
		}
	}
	if v4 <= 1 && v6 <= 1 {
		return nil
	}
	several, err := version.GreaterThanOrEqualTo(c.CNIVersion, "0.3.0")
	if err != nil {
		return plugin.Errorf(types.ErrDecodingFailure, "%w", err)
	}
	if !several {
		return invalid("CNI version %s does not support more than 1 address per family", c.CNIVersion)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return plugin.Errorf(types.ErrInvalidNetworkConfig, format, args...)
}
