// Package vlan connects a container by a VLAN interface: to what is in one VLAN
// of the network that an interface of the host is on.
package vlan

import (
	_ "embed" // for help and schema
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/check"
	"github.com/containernetworking/plugins/pkg/iface"
	"github.com/containernetworking/plugins/pkg/link"
)

// Plugin answers the verbs for vlan.
//
//schema:requires master
var Plugin = iface.New("vlan", func() iface.Driver {
	return &Conf{Child: iface.Child{Kind: "vlan", OnlyIfUp: true}}
}).WithAbout(&help, &schema)

var (
	//go:embed help.txt
	help string
	//go:embed schema.json
	schema string
)

// Create makes the interface.
func (c *Conf) Create(a *iface.Attachment) error {
	l := c.link()
	l.HardwareAddr = c.mac
	return c.explain(a, c.Make(a, l))
}

// explain tells a VLAN that is in use from a name that is.
func (c *Conf) explain(a *iface.Attachment, err error) error {
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if _, missing := a.Container.LinkByName(a.IfName); !link.IsNotFound(missing) {
		return err
	}
	return fmt.Errorf("%w: VLAN %d of %q has an interface, maybe in another container, and can have only one; for several containers, use bridge with a vlan, or macvlan on the VLAN's interface",
		err, *c.VLANID, c.Master)
}

// link is what the configuration says of the interface.
func (c *Conf) link() *netlink.Vlan {
	return &netlink.Vlan{VlanId: *c.VLANID, VlanProtocol: c.protocol, IngressQosMap: c.QoS.Ingress, EgressQosMap: c.QoS.Egress}
}

// Expect describes the interface.
func (c *Conf) Expect(a *iface.Attachment) (container, host []check.Expect, err error) {
	return c.ExpectChild(a, c.link())
}
