package spoof

import (
	"fmt"
	"net"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
)

// Conf has the configuration keys of the checks, for plugins to embed.
type Conf struct {
	// MACSpoofChk lets only frames with the container's hardware address out of
	// the container. Default: false.
	MACSpoofChk bool `json:"macspoofchk"`
	// IPSpoofChk lets only packets with the container's IP addresses out as well.
	// It implies MACSpoofChk. Default: false.
	IPSpoofChk bool `json:"ipspoofchk"`
}

// Wanted reports whether anything is to be checked.
func (c *Conf) Wanted() bool { return c.MACSpoofChk || c.IPSpoofChk }

// Restrict lets nothing out of the port but what has its hardware address. If
// addresses are to be checked, Allow must follow.
func (c *Conf) Restrict(a owner.Attachment, port string, mac net.HardwareAddr) error {
	if !c.Wanted() {
		return nil
	}
	return Add(a, c.Port(port, mac, nil))
}

// Allow lets the container use the addresses.
func (c *Conf) Allow(a owner.Attachment, addresses []*net.IPNet) error {
	if !c.IPSpoofChk || len(addresses) == 0 {
		return nil
	}
	return Allow(a, addresses)
}

// Check returns one error for all that Restrict and Allow made and that is not
// there.
func (c *Conf) Check(a owner.Attachment, port, mac string, addresses []*net.IPNet) error {
	if !c.Wanted() {
		return nil
	}
	parsed, err := net.ParseMAC(mac)
	if err != nil {
		return fmt.Errorf("hardware address of %q: %w", a.IfName, err)
	}
	return Check(a, c.Port(port, parsed, addresses))
}

// Port returns the port, of the name, of a container with the addresses.
func (c *Conf) Port(name string, mac net.HardwareAddr, addresses []*net.IPNet) Port {
	p := Port{Name: name, MAC: mac}
	if c.IPSpoofChk {
		p.Addresses = append([]*net.IPNet{}, addresses...)
	}
	return p
}

// Available returns what Restrict would miss on this node.
func (c *Conf) Available() error {
	if !c.Wanted() {
		return nil
	}
	if err := nft.Available(table()); err != nil {
		return fmt.Errorf("macspoofchk: %w", err)
	}
	return nil
}
