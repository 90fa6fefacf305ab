package allocator

import (
	"errors"
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	ip "github.com/containernetworking/plugins/pkg/ip/address"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// Net is a network configuration, as far as host-local reads it.
type Net struct {
	Name       string `json:"name"`
	CNIVersion string `json:"cniVersion"`
	// IPAM is the part of this plugin.
	//
	//schema:required
	IPAM          *IPAMConfig `json:"ipam"`
	RuntimeConfig struct {
		// IPRanges are range sets before those of ipam.
		IPRanges []RangeSet `json:"ipRanges,omitempty"`
		// IPs are requested addresses; a prefix length means nothing.
		IPs []*ip.IP `json:"ips,omitempty"`
	} `json:"runtimeConfig"`
	Args *struct {
		A *IPAMArgs `json:"cni"`
	} `json:"args"`
}

// IPAMConfig is the key "ipam" of a network configuration.
type IPAMConfig struct {
	// Range is the one range of the old form of the configuration.
	*Range
	//schema:omit
	Name string
	// Type is the name of the plugin.
	Type string `json:"type"`
	// Routes of the container go into the result as they are.
	Routes []*types.Route `json:"routes"`
	// DataDir is where each network has a directory. Default: /var/lib/cni/networks.
	DataDir string `json:"dataDir"`
	// ResolvConf is the path of a file like /etc/resolv.conf whose content goes
	// into the result. Default: none.
	ResolvConf string `json:"resolvConf"`
	// Ranges are range sets. A container gets an address of each. A set is a list of ranges, of
	// one family and without overlaps.
	Ranges []RangeSet `json:"ranges"`
	// IPArgs are requested addresses: of CNI_ARGS, of args.cni and of
	// runtimeConfig, in this order.
	IPArgs []net.IP `json:"-"`
	// StatusExhausted makes STATUS fail while a range set has no address left. A runtime may
	// take the whole node for unusable then.
	StatusExhausted bool `json:"statusExhausted"`
}

// IPAMEnvArgs is what CNI_ARGS may contain.
type IPAMEnvArgs struct {
	types.CommonArgs
	// IP is a requested address.
	IP ip.IP `json:"ip,omitempty"`
}

// IPAMArgs is the key "args.cni" of a network configuration.
type IPAMArgs struct {
	// IPs are requested addresses.
	IPs []*ip.IP `json:"ips"`
}

// LoadIPAMConfig reads a network configuration and CNI_ARGS. It returns the
// configuration with all range sets canonical, and its cniVersion.
func LoadIPAMConfig(bytes []byte, envArgs string) (*IPAMConfig, string, error) {
	var n Net
	if err := plugin.Unmarshal(bytes, &n); err != nil {
		return nil, "", err
	}
	if n.IPAM == nil {
		return nil, "", errors.New("IPAM config missing 'ipam' key")
	}
	n.IPAM.Name = n.Name
	if err := plugin.CheckRoutes(n.IPAM.Routes); err != nil {
		return nil, "", err
	}

	var err error
	if n.IPAM.IPArgs, err = n.requested(envArgs); err != nil {
		return nil, "", err
	}
	if n.IPAM.Ranges, err = n.rangeSets(); err != nil {
		return nil, "", err
	}
	return n.IPAM, n.CNIVersion, nil
}

// requested returns the requested addresses.
func (n *Net) requested(envArgs string) ([]net.IP, error) {
	var env IPAMEnvArgs
	if err := types.LoadArgs(envArgs, &env); err != nil {
		return nil, err
	}
	var all []*ip.IP
	if env.IP.ToIP() != nil {
		all = append(all, &env.IP)
	}
	if n.Args != nil && n.Args.A != nil {
		all = append(all, n.Args.A.IPs...)
	}
	all = append(all, n.RuntimeConfig.IPs...)

	var ips []net.IP
	for _, requested := range all {
		var addr net.IP
		if requested != nil {
			addr = requested.ToIP()
		}
		if err := canonicalizeIP(&addr); err != nil {
			return nil, fmt.Errorf("cannot understand ip: %w", err)
		}
		ips = append(ips, addr)
	}
	return ips, nil
}

// rangeSets returns all range sets, canonical and without overlaps: those of the
// runtime, that of the old form, and those of the new form. Their order gives
// them their number.
func (n *Net) rangeSets() ([]RangeSet, error) {
	sets := n.RuntimeConfig.IPRanges
	if n.IPAM.Range != nil && n.IPAM.Subnet.IP != nil {
		sets = append(sets, RangeSet{*n.IPAM.Range})
	}
	sets = append(sets, n.IPAM.Ranges...)
	// The old form is part of Ranges from here on.
	n.IPAM.Range = nil
	if len(sets) == 0 {
		return nil, errors.New("no IP ranges specified")
	}

	var numV4, numV6 int
	for i := range sets {
		if err := sets[i].Canonicalize(); err != nil {
			return nil, fmt.Errorf("invalid range set %d: %w", i, err)
		}
		if len(sets[i][0].RangeStart) == net.IPv4len {
			numV4++
		} else {
			numV6++
		}
	}
	if numV4 > 1 || numV6 > 1 {
		several, err := version.GreaterThanOrEqualTo(n.CNIVersion, "0.3.0")
		if err != nil {
			return nil, err
		}
		if !several {
			return nil, fmt.Errorf("CNI version %v does not support more than 1 address per family", n.CNIVersion)
		}
	}
	for i := range sets {
		for j := range sets[:i] {
			if sets[i].Overlaps(&sets[j]) {
				return nil, fmt.Errorf("range set %d overlaps with %d", j, i)
			}
		}
	}
	return sets, nil
}
