package hostlocal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
)

// load reads all of the configuration, as ADD and CHECK need it.
func load(args *plugin.CmdArgs) (*allocator.IPAMConfig, error) {
	conf, _, err := allocator.LoadIPAMConfig(args.StdinData, args.Args)
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		return nil, plugin.Errorf(types.ErrDecodingFailure, "%w", err)
	case err != nil:
		return nil, plugin.Errorf(types.ErrInvalidNetworkConfig, "%w", err)
	}
	return conf, nil
}

// validate is the plugin's Validate. What the runtime says with each call need not be there.
func validate(stdin []byte) error {
	if awaitsRanges(stdin) {
		return nil
	}
	_, err := load(&plugin.CmdArgs{StdinData: stdin})
	return err
}

// awaitsRanges reports whether all ranges come from the runtime, which gives them to ADD
// and CHECK alone.
func awaitsRanges(stdin []byte) bool {
	var conf struct {
		IPAM struct {
			Ranges []json.RawMessage `json:"ranges"`
			Subnet string            `json:"subnet"`
		} `json:"ipam"`
		Capabilities struct {
			IPRanges bool `json:"ipRanges"`
		} `json:"capabilities"`
	}
	return json.Unmarshal(stdin, &conf) == nil && conf.Capabilities.IPRanges && !hasOwnRanges(stdin) &&
		len(conf.IPAM.Ranges) == 0 && conf.IPAM.Subnet == ""
}

// nameStrayGateways tells of each gateway that is not in its subnet. Some mean that:
// a next hop on the link beside addresses that have no neighbours. Others have
// mistyped it.
func nameStrayGateways(to io.Writer, sets []allocator.RangeSet) {
	for _, set := range sets {
		for _, r := range set {
			if subnet := (*net.IPNet)(&r.Subnet); !subnet.Contains(r.Gateway) {
				fmt.Fprintf(to, "gateway %s is not in network %s: it has to be on the link\n", r.Gateway, subnet)
			}
		}
	}
}

// place is where the reservations of a network are. It is all that DEL and GC
// need to know, so that they work where the rest of the configuration has become
// invalid since ADD.
type place struct {
	Name string `json:"name"`
	IPAM struct {
		DataDir string `json:"dataDir"`
	} `json:"ipam"`
}

func loadPlace(stdin []byte) (place, error) {
	var p place
	if err := json.Unmarshal(stdin, &p); err != nil {
		return p, plugin.Errorf(types.ErrDecodingFailure, "%w", err)
	}
	return p, nil
}

// hasOwnRanges reports whether the call has ranges of its own: the capability
// "ipRanges".
func hasOwnRanges(stdin []byte) bool {
	var conf struct {
		RuntimeConfig struct {
			IPRanges []json.RawMessage `json:"ipRanges"`
		} `json:"runtimeConfig"`
	}
	return json.Unmarshal(stdin, &conf) == nil && len(conf.RuntimeConfig.IPRanges) > 0
}

// unavailable is an error of STATUS.
func unavailable(err error) error {
	return plugin.Errorf(types.ErrPluginNotAvailable, "%w", err)
}

// allRequested is the error for requested addresses that no range set has.
func allRequested(left []net.IP) error {
	text := "failed to allocate all requested IPs:"
	for _, ip := range left {
		text = fmt.Sprintf("%s %s", text, ip)
	}
	return plugin.Errorf(types.ErrInternal, "%s", text)
}
