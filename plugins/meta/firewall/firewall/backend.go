package firewall

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/sandbox"
)

// The names of the backends.
const (
	nameIPTables  = "iptables"
	nameNFTables  = "nftables"
	nameFirewalld = "firewalld"
)

// backend is one way to change the firewall. It knows nothing of other
// attachments: what an attachment shares with others is worked out before, under
// the lock of the state.
type backend interface {
	// apply lets the addresses through and puts the bridge's policy into effect.
	apply(ctx context.Context, c change) error
	// remove takes the addresses and the bridge's policy away. It is no error if
	// they, or the tools, are not there.
	remove(c change) error
	// check returns one error for all that apply made and that is not there.
	check(c change) error
	// repair adds what is not there of what apply has made for the changes. Those
	// about bridges come last.
	repair(all []change) error
	// available returns what apply would miss on this node.
	available() error
}

// change is what a backend is to do, in one transaction if it can.
type change struct {
	owner   owner.Attachment
	sandbox sandbox.Sandbox
	// addresses to let through, or not any longer.
	addresses []netip.Addr
	// held are those of them that may be let through already, for another attachment.
	held []netip.Addr
	// translated is what becomes of what was translated to them.
	translated translated
	// admin is the chain of iptables that decides first, zone that of firewalld.
	admin, zone string
	// bridge is the one that the policy is about, or "".
	bridge string
	policy policy
	// isStranger reports whether a container with the address, which upstream has let
	// through, is on the bridge, too, and may rely on its policy. In remove only.
	isStranger func(netip.Addr) (bool, error)
	// ipv4 and ipv6 are the families that the policy is about.
	ipv4, ipv6 bool
}

// of returns those of the addresses that are of the family.
func (c change) of(f iptables.Family) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(c.addresses), func(a netip.Addr) bool { return a.Is6() != (f == iptables.IPv6) })
}

// withoutAddresses is the part of the change that is about the bridge.
func (c change) withoutAddresses() change {
	c.addresses, c.held = nil, nil
	return c
}

// withoutBridge is the part of the change that is about the addresses.
func (c change) withoutBridge() change {
	c.bridge, c.policy = "", open
	return c
}

// detect returns the name of the backend in use: the configured one or, by
// default, firewalld if it runs, else iptables if it works, as then other
// programs of the node use it too, else nftables.
func detect(configured string) string {
	switch {
	case slices.Contains([]string{nameIPTables, nameNFTables, nameFirewalld}, configured):
		return configured
	case firewalldRuns():
		return nameFirewalld
	case iptables.Usable():
		return nameIPTables
	}
	return nameNFTables
}

// detectIsolation returns the name of the backend that policies use beside the
// named one: firewalld has nothing like them.
func detectIsolation(name string) string {
	if name != nameFirewalld {
		return name
	}
	if iptables.Usable() {
		return nameIPTables
	}
	return nameNFTables
}

// byName returns the backend with a name that detect returned. Another name can
// only come from the record of another release.
func byName(name string) (backend, error) {
	switch name {
	case nameIPTables:
		return viaIPTables{}, nil
	case nameNFTables:
		return viaNFTables{}, nil
	case nameFirewalld:
		return viaFirewalld{}, nil
	}
	return nil, fmt.Errorf("unknown backend %q", name)
}

// part is what one backend does of a change.
type part struct {
	backend
	change change
}

// split divides a change between the backend for addresses and that for policies.
// If they are the same, it is one transaction.
func split(name, isolation string, c change) ([]part, error) {
	addresses, err := byName(name)
	if err != nil {
		return nil, err
	}
	if c.bridge == "" || name == isolation {
		return []part{{addresses, c}}, nil
	}
	policies, err := byName(isolation)
	if err != nil {
		return nil, err
	}
	return []part{{addresses, c.withoutBridge()}, {policies, c.withoutAddresses()}}, nil
}
