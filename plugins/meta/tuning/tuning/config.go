package tuning

import (
	"fmt"
	"math"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/netdev"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// defaultDataDir is where the values that were there before are kept. Like the
// namespaces that they are of, it does not survive a reboot.
const defaultDataDir = "/run/cni/tuning"

// Conf is the network configuration of tuning.
type Conf struct {
	keys
	// CNIVersion is the version of the specification, and of the result.
	CNIVersion string `json:"cniVersion"`
	// DataDir is the directory of the values that DEL puts back. Default: /run/cni/tuning.
	DataDir string `json:"dataDir"`

	RuntimeConfig struct {
		// MAC overrides that of CNI_ARGS, and that overrides the configured one.
		MAC string `json:"mac"`
	} `json:"runtimeConfig"`
	// Args has the same keys under args.cni, which override all others.
	Args struct {
		CNI keys `json:"cni"`
	} `json:"args"`
}

// keys are what can be set. What is absent stays as it is.
type keys struct {
	// Sysctl has values by the names of kernel parameters below net, in which
	// dots or slashes separate, and IFNAME stands for the container's interface.
	Sysctl sysctls `json:"sysctl"`
	// MAC is the hardware address of the interface.
	MAC string `json:"mac"`
	// Promisc makes the interface receive all packets.
	Promisc bool `json:"promisc"`
	// MTU in bytes, up to what the interface takes. IPv6 needs 1280. Default, and for 0: as it
	// is.
	//
	//schema:value {"minimum": 0, "maximum": 2147483647}
	MTU int `json:"mtu"`
	// AllMulti says whether the interface receives all multicast packets. Default: as it is.
	AllMulti *bool `json:"allmulti"`
	// TxQLen is how many packets the interface's transmit queue takes. Default: as it is.
	//
	//schema:value {"minimum": 0, "maximum": 2147483647}
	TxQLen *int `json:"txQLen"`
	// Offloads says what the interface leaves to its driver, or the kernel to a
	// later stage, by the names that ethtool(8) has for that: tso, gso, gro, …
	Offloads map[string]bool `json:"offloads"`
}

// Validate checks and completes the configuration.
func (c *Conf) Validate() error {
	if c.DataDir == "" {
		c.DataDir = defaultDataDir
	}
	if _, err := netdev.ParseMAC(c.RuntimeConfig.MAC); err != nil {
		return err
	}
	if err := c.keys.validate(""); err != nil {
		return err
	}
	return c.Args.CNI.validate("args.cni.")
}

func (k *keys) validate(prefix string) error {
	if err := k.Sysctl.validate(); err != nil {
		return err
	}
	if _, err := netdev.ParseMAC(k.MAC); err != nil {
		return err
	}
	if k.MTU < 0 || k.MTU > math.MaxInt32 {
		return fmt.Errorf("invalid %smtu %d (must be between 0 and %d)", prefix, k.MTU, math.MaxInt32)
	}
	if k.TxQLen != nil && (*k.TxQLen < 0 || *k.TxQLen > math.MaxInt32) {
		return fmt.Errorf("invalid %stxQLen %d (must be between 0 and %d)", prefix, *k.TxQLen, math.MaxInt32)
	}
	for name := range k.Offloads {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || name == "" {
			return fmt.Errorf("invalid %soffloads name %q", prefix, name)
		}
	}
	return nil
}

// wanted is what all sources of the configuration want together. Its sysctls
// have their names yet as they are written.
func (c *Conf) wanted(cniArgs string) (settings, error) {
	requested, err := netdev.MACInArgs(cniArgs)
	if err == nil {
		_, err = netdev.ParseMAC(requested)
	}
	if err != nil {
		return settings{}, plugin.Errorf(types.ErrInvalidNetworkConfig, "%w", err)
	}
	want := settings{Offloads: make(map[string]bool)}
	for _, k := range []keys{c.keys, {MAC: requested}, {MAC: c.RuntimeConfig.MAC}, c.Args.CNI} {
		k.addTo(&want)
	}
	return want, nil
}

// addTo sets what k has.
func (k *keys) addTo(s *settings) {
	for _, added := range k.Sysctl.list {
		s.Sysctls = put(s.Sysctls, added)
	}
	if k.MAC != "" {
		s.MAC = k.MAC
	}
	if k.Promisc {
		s.Promisc = &k.Promisc
	}
	if k.MTU != 0 {
		s.MTU = k.MTU
	}
	if k.AllMulti != nil {
		s.AllMulti = k.AllMulti
	}
	if k.TxQLen != nil {
		s.TxQLen = k.TxQLen
	}
	for name, on := range k.Offloads {
		s.Offloads[name] = on
	}
}

// validateName checks the name of the interface, which becomes a part of paths.
func validateName(ifName string) error {
	if strings.Contains(ifName, "/") {
		return plugin.Errorf(types.ErrInvalidEnvironmentVariables, "Interface name (%s) contains an invalid character %s", ifName, "/")
	}
	if err := plugin.CheckIfName(ifName); err != nil {
		return err
	}
	return nil
}
