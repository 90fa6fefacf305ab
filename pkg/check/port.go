package check

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/containernetworking/plugins/pkg/check/verdict"
	"github.com/containernetworking/plugins/pkg/link"
)

// Port is the port of a bridge as ADD left it.
type Port struct {
	// Bridge is the name of the bridge.
	Bridge string
	// Flags are compared whether they are set or not.
	Flags link.PortFlags
	// VLANs are all that the port is in; nil means that they are not compared.
	VLANs *link.VLANs
}

func (p *Port) compare(n *link.Namespace, l netlink.Link) []error {
	name := l.Attrs().Name
	bridge, err := n.Bridge(p.Bridge)
	if err != nil || l.Attrs().MasterIndex != bridge.Index {
		return []error{fmt.Errorf("interface %s is not a port of bridge %s", name, p.Bridge)}
	}
	var errs []error
	flags, err := n.PortFlags(l)
	if err != nil {
		return []error{err}
	}
	if flags.Hairpin != p.Flags.Hairpin {
		errs = append(errs, verdict.Tuned(fmt.Errorf("port %s has hairpin mode %v, expected %v", name, flags.Hairpin, p.Flags.Hairpin)))
	}
	if flags.Isolated != p.Flags.Isolated {
		errs = append(errs, fmt.Errorf("port %s has isolation %v, expected %v", name, flags.Isolated, p.Flags.Isolated))
	}
	if p.VLANs == nil {
		return errs
	}
	vlans, err := n.VLANs(l)
	if err != nil {
		return append(errs, err)
	}
	if !vlans.Equal(*p.VLANs) {
		errs = append(errs, fmt.Errorf("port %s is in VLANs %v, expected %v", name, vlans, *p.VLANs))
	}
	return errs
}
