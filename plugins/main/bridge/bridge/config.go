package bridge

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/rules"
	"github.com/containernetworking/plugins/pkg/spoof"
)

// defaultName is the bridge of a network that names none.
const defaultName = "cni0"

// Conf is the network configuration of bridge.
type Conf struct {
	iface.Conf
	masquerade
	antiSpoofing
	// Bridge is the name of the bridge, which is made if there is none. Default: cni0.
	//
	//schema:value {"maxLength": 15}
	Bridge string `json:"bridge"`
	// IsGateway gives the bridge the gateways' addresses and makes the host
	// forward packets.
	IsGateway bool `json:"isGateway"`
	// IsDefaultGateway adds default routes through the gateways. It implies
	// IsGateway.
	IsDefaultGateway bool `json:"isDefaultGateway"`
	// ForceAddress replaces addresses of the bridge that are in the way.
	ForceAddress bool `json:"forceAddress"`
	// MTU of both ends of the veth pair, and of a bridge that is made, in bytes. IPv6 needs
	// 1280. Default: 0, which leaves it to the kernel.
	//
	//schema:value {"type": "integer", "anyOf": [{"const": 0}, {"minimum": 68}], "maximum": 65535}
	MTU int `json:"mtu"`
	// HairpinMode lets the bridge send frames back to where they came from.
	HairpinMode bool `json:"hairpinMode"`
	// PromiscMode makes the bridge itself take all frames.
	PromiscMode bool `json:"promiscMode"`
	// VLAN of the container's untagged frames, 1 to 4094. Default: 0, none in particular.
	//
	//schema:value {"minimum": 0, "maximum": 4094}
	VLAN int `json:"vlan"`
	// VLANTrunk are VLANs whose frames reach the container with their tag.
	VLANTrunk []trunkItem `json:"vlanTrunk"`
	// PreserveDefaultVLAN leaves the port in the bridge's default VLAN, beside
	// the configured ones.
	PreserveDefaultVLAN bool `json:"preserveDefaultVlan"`
	// EnableDAD makes the kernel look whether the container's IPv6 addresses are
	// in use, and ADD wait for that.
	EnableDAD bool `json:"enabledad"`
	// DisableContainerInterface leaves the container's interface down.
	DisableContainerInterface bool `json:"disableContainerInterface"`
	// PortIsolation keeps the container away from other isolated ports.
	PortIsolation bool `json:"portIsolation"`
	// AcceptRA says whether the container's interface accepts IPv6 router
	// advertisements. Default: as the container's namespace has it.
	AcceptRA *bool `json:"acceptRA"`
	// DisableIPv6 turns IPv6 off on the bridge itself.
	DisableIPv6 bool `json:"disableIPv6"`
	// RemoveEmptyBridge makes DEL delete a bridge that ADD has made with its
	// last port.
	RemoveEmptyBridge bool `json:"removeEmptyBridge"`
	// STP turns the spanning tree protocol on or off. Default: as it is, which
	// is off for a bridge that ADD makes.
	STP *bool `json:"stp"`
	// MulticastSnooping limits multicast to ports that joined, or does not. Default: as it is,
	// which is on for a bridge that ADD makes.
	MulticastSnooping *bool `json:"multicastSnooping"`
	// Args has a MAC address under args.cni.mac, which overrides that of
	// CNI_ARGS. The capability "mac" overrides both.
	Args struct {
		CNI struct {
			// MAC is the hardware address of the container's interface.
			MAC string `json:"mac"`
		} `json:"cni"`
	} `json:"args"`

	trunk link.VLANSet
	// made is what Create made, and kept the record that it kept, for Configure, as is
	// heeded: why interfaces of the host may heed router advertisements.
	made   link.Connection
	kept   rules.Record
	heeded error
	// host is the interface of the host that has the gateways' addresses.
	host netlink.Link
}

// masquerade has the keys about masquerading.
type masquerade = nat.Conf

// antiSpoofing has the keys about what the container may send.
type antiSpoofing = spoof.Conf

// Validate checks and completes the plugin's own keys.
func (c *Conf) Validate() error {
	if c.Bridge == "" {
		c.Bridge = defaultName
	}
	c.IsGateway = c.IsGateway || c.IsDefaultGateway
	var err error
	if c.trunk, err = trunk(c.VLANTrunk); err != nil {
		return err
	}
	if c.VLAN < 0 || c.VLAN > link.MaxVLAN {
		return fmt.Errorf("invalid VLAN ID %d (must be between 0 and %d)", c.VLAN, link.MaxVLAN)
	}
	if err := iface.ValidateMTU(c.MTU, iface.MaxMTU); err != nil {
		return err
	}
	if c.HairpinMode && c.PromiscMode {
		return errors.New("cannot set hairpin mode and promiscuous mode at the same time")
	}
	if c.HasIPAM() && c.DisableContainerInterface {
		return errors.New("cannot use IPAM when DisableContainerInterface flag is set")
	}
	if c.IsDefaultGateway && c.DefaultRoute.IsDropped() {
		return errors.New("isDefaultGateway adds the default routes that defaultRoute leaves out")
	}
	if c.IPSpoofChk && !c.HasIPAM() {
		return errors.New("cannot use ipspoofchk without IPAM")
	}
	if err := c.masquerade.Validate(); err != nil {
		return err
	}
	if _, err := iface.RequestedMAC("", "", c.Args.CNI.MAC, c.RuntimeConfig.MAC); err != nil {
		return err
	}
	return c.validateNames()
}

func (c *Conf) validateNames() error {
	if err := link.CheckName(c.Bridge); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	if !c.HasIPAM() || !c.IsGateway {
		return nil
	}
	if err := link.CheckName(c.gatewayName()); err != nil {
		return fmt.Errorf("gateway of VLAN %d: %w", c.VLAN, err)
	}
	return nil
}

// filtersVLANs reports whether the bridge has to tell VLANs apart: also with an
// empty list as trunk.
func (c *Conf) filtersVLANs() bool { return c.VLAN != 0 || c.VLANTrunk != nil }
