package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// Conf is the plugin's part of a network configuration.
type Conf struct {
	// Backend has the rules. Default: firewalld if it is on the system bus, else iptables if it
	// is installed, else nftables.
	//
	//schema:value {"enum": ["", "iptables", "nftables", "firewalld"]}
	Backend string `json:"backend"`
	// AdminChain is the iptables chain that decides before the containers' rules.
	// Default: CNI-ADMIN.
	//
	//schema:value {"maxLength": 28}
	AdminChain string `json:"iptablesAdminChainName"`
	// Zone is the zone of firewalld that containers belong to. Default: trusted.
	Zone string `json:"firewalldZone"`
	// AcceptDNAT says whether connections from outside are let through that were
	// translated to a container, as those to published ports are. Default: true.
	AcceptDNAT *bool `json:"acceptDNAT"`
	// IngressPolicy says which traffic between containers is let through: open all of it,
	// same-bridge what stays on a bridge, isolated none. Default: open.
	//
	//schema:value {"enum": ["", "open", "same-bridge", "isolated"]}
	IngressPolicy policy `json:"ingressPolicy"`
}

const (
	defaultAdminChain = "CNI-ADMIN"
	defaultZone       = "trusted"
)

// maxChain is the longest name of a chain in bytes (XT_EXTENSION_MAXNAMELEN in
// linux/netfilter/x_tables.h, less the final 0).
const maxChain = 28

// policy says which traffic between containers is let through.
type policy string

const (
	// open lets all of it through.
	open policy = "open"
	// sameBridge drops what goes from one bridge with a policy to another one.
	sameBridge policy = "same-bridge"
	// isolated also drops what stays on the bridge. The kernel shows that to the
	// firewall only with net.bridge.bridge-nf-call-iptables=1.
	isolated policy = "isolated"
)

// translated says what becomes of packets of connections that were translated to a
// container. That of a container of an earlier release, which has no rules about it, is
// empty.
type translated string

const (
	accepted translated = "accepted"
	refused  translated = "refused"
)

func (c *Conf) translated() translated {
	if c.AcceptDNAT != nil && !*c.AcceptDNAT {
		return refused
	}
	return accepted
}

// Validate completes the configuration. Its errors name the key.
func (c *Conf) Validate() error {
	if c.AdminChain == "" {
		c.AdminChain = defaultAdminChain
	}
	if c.Zone == "" {
		c.Zone = defaultZone
	}
	if c.IngressPolicy == "" {
		c.IngressPolicy = open
	}
	switch c.Backend {
	case "", nameIPTables, nameNFTables, nameFirewalld:
	default:
		return fmt.Errorf("unrecognized backend %q", c.Backend)
	}
	switch c.IngressPolicy {
	case open, sameBridge, isolated:
	default:
		return fmt.Errorf("unknown ingress policy: %q", c.IngressPolicy)
	}
	return validateAdminChain(c.AdminChain)
}

func validateAdminChain(name string) error {
	switch {
	case len(name) > maxChain:
		return fmt.Errorf("iptablesAdminChainName %q is longer than %d bytes", name, maxChain)
	case strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f }) || strings.ContainsAny(name[:1], "-!"):
		return fmt.Errorf("iptablesAdminChainName %q is no name of a chain", name)
	case name == builtin || name == forwardChain || name == stage1 || name == stage2:
		return fmt.Errorf("iptablesAdminChainName %q is a chain of the plugin", name)
	}
	return nil
}

// addresses returns all addresses of a result, each once.
func addresses(result *current.Result) ([]netip.Addr, error) {
	var (
		all  []netip.Addr
		seen = map[netip.Addr]bool{}
	)
	for _, ip := range result.IPs {
		address, ok := netip.AddrFromSlice(ip.Address.IP)
		if !ok {
			return nil, fmt.Errorf("prevResult has an invalid address %q", ip.Address.IP)
		}
		if address = address.Unmap(); !seen[address] {
			seen[address] = true
			all = append(all, address)
		}
	}
	return all, nil
}

// bridge returns the bridge that the policy is about: the first interface of the
// result, which is upstream's rule.
func (c *Conf) bridge(result *current.Result) (string, error) {
	if c.IngressPolicy == open {
		return openBridge(result), nil
	}
	if len(result.Interfaces) == 0 {
		return "", fmt.Errorf("interface needs to be set for ingress policy %q, make sure to chain \"firewall\" plugin with \"bridge\"", c.IngressPolicy)
	}
	name := result.Interfaces[0].Name
	if name == "" {
		return "", fmt.Errorf("got empty bridge name")
	}
	if err := plugin.CheckIfName(name); err != nil {
		return "", fmt.Errorf("bridge %q of prevResult: %w", name, err)
	}
	return name, nil
}

// openBridge returns the bridge that an earlier policy may have been about, or
// "" if the result has none.
func openBridge(result *current.Result) string {
	if len(result.Interfaces) == 0 {
		return ""
	}
	first := result.Interfaces[0]
	if first.Sandbox != "" || plugin.CheckIfName(first.Name) != nil {
		return ""
	}
	return first.Name
}
