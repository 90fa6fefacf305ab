package portmap

import (
	"net"
	"slices"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/chained"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

// forward is what one attachment has: its port mappings, and all that decides
// how they are made. It is its own record.
type forward struct {
	owner.Attachment
	Backend string `json:"backend"`
	// Chain is the name of its iptables chain, and of its record.
	Chain string `json:"chain"`
	// Sandbox is where the container is.
	Sandbox sandbox.Sandbox `json:"sandbox,omitzero"`
	// Since is when it was made: of two that want a port, the older one has it.
	Since time.Time `json:"since"`
	// Addresses of the container with their subnets: one of a family at most.
	Addresses []string  `json:"addresses"`
	Mappings  []mapping `json:"mappings"`
	SNAT      bool      `json:"snat"`
	MasqAll   bool      `json:"masqAll,omitempty"`
	MarkBit   int       `json:"markBit"`
	MarkChain string    `json:"markChain,omitempty"`
	// ConditionsV4 and ConditionsV6 as in the configuration.
	ConditionsV4 []string `json:"conditionsV4,omitempty"`
	ConditionsV6 []string `json:"conditionsV6,omitempty"`
}

// newForward returns what the configuration asks for.
func (c *Conf) newForward(a *chained.Attachment) *forward {
	f := &forward{
		Attachment: a.Attachment,
		Backend:    c.Backend,
		Mappings:   c.RuntimeConfig.PortMappings,
		SNAT:       *c.SNAT,
		MasqAll:    c.MasqAll,
		MarkBit:    *c.MarkMasqBit,
	}
	if c.ExternalSetMarkChain != nil {
		f.MarkChain = *c.ExternalSetMarkChain
	}
	if c.ConditionsV4 != nil {
		f.ConditionsV4 = *c.ConditionsV4
	}
	if c.ConditionsV6 != nil {
		f.ConditionsV6 = *c.ConditionsV6
	}
	for _, address := range containerAddresses(a) {
		f.Addresses = append(f.Addresses, address.String())
	}
	return f
}

// isEmpty reports whether there is nothing to do.
func (f *forward) isEmpty() bool { return len(f.Mappings) == 0 || len(f.Addresses) == 0 }

// containerAddresses returns the first address of each family that the result
// has for the container: those of its interface, and those of none. Where the result
// does not tell which interfaces are in the container, as Azure's, all are its.
func containerAddresses(a *chained.Attachment) []*net.IPNet {
	var v4, v6 *net.IPNet
	for _, ip := range a.Result.IPs {
		if !belongs(ip, a) {
			continue
		}
		if ip.Address.IP.To4() != nil {
			if v4 == nil {
				v4 = &ip.Address
			}
		} else if v6 == nil {
			v6 = &ip.Address
		}
	}
	return slices.DeleteFunc([]*net.IPNet{v4, v6}, func(n *net.IPNet) bool { return n == nil })
}

func belongs(ip *current.IPConfig, a *chained.Attachment) bool {
	isInside := func(i *current.Interface) bool { return i.Sandbox != "" }
	if ip.Interface == nil || *ip.Interface < 0 || *ip.Interface >= len(a.Result.Interfaces) ||
		!slices.ContainsFunc(a.Result.Interfaces, isInside) {
		return true
	}
	reported := a.Result.Interfaces[*ip.Interface]
	return reported.Name == a.IfName && reported.Sandbox != ""
}

// target is the container in one family.
type target struct {
	*forward
	ip     net.IP
	subnet *net.IPNet
}

// targets returns the container in each family that it has an address of.
func (f *forward) targets() []target {
	var targets []target
	for _, address := range f.Addresses {
		ip, subnet, err := net.ParseCIDR(address)
		if err != nil {
			continue // of a record that somebody wrote by hand
		}
		targets = append(targets, target{f, ip, subnet})
	}
	return targets
}

func (t target) isIPv6() bool { return t.ip.To4() == nil }

func (t target) conditions() []string {
	if t.isIPv6() {
		return t.ConditionsV6
	}
	return t.ConditionsV4
}

// mappings returns those that are for packets of the family.
func (t target) mappings() []mapping {
	return slices.DeleteFunc(slices.Clone(t.Mappings), func(m mapping) bool { return !m.isFor(t.ip) })
}
