package iface

import (
	"net"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// RequestedMAC returns the hardware address that somebody asked for: the last of
// overrides that is not empty or, if all are, the value of MAC in CNI_ARGS or, if
// that has none either, configured. Nobody having asked is no error. CNI_ARGS may
// have the keys MAC and IgnoreUnknown; others are an error (code 7) unless the
// latter is true.
func RequestedMAC(cniArgs, configured string, overrides ...string) (net.HardwareAddr, error) {
	requested, err := netdev.MACInArgs(cniArgs)
	if err != nil {
		return nil, plugin.Errorf(types.ErrInvalidNetworkConfig, "%w", err)
	}
	text := configured
	for _, override := range append([]string{requested}, overrides...) {
		if override != "" {
			text = override
		}
	}
	mac, err := netdev.ParseMAC(text)
	if err != nil {
		return nil, plugin.Errorf(types.ErrInvalidNetworkConfig, "%w", err)
	}
	return mac, nil
}
