package portmap

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/plugin"
)

// The backends by the names that the configuration has for them.
const (
	backendIPTables = "iptables"
	backendNFTables = "nftables"
)

// defaultMarkBit is the bit of the packet mark that says "masquerade" unless
// something else is configured.
const defaultMarkBit = 13

// What hostPortConflict can be.
const (
	conflictIgnore = "ignore"
	conflictError  = "error"
)

// Conf is the network configuration of portmap.
type Conf struct {
	// Backend has the rules. Default: the one that the conditions are for, else iptables where
	// it works, else nftables.
	//
	//schema:value {"enum": ["", "iptables", "nftables"]}
	Backend string `json:"backend"`
	// SNAT masquerades connections of the container to itself, and of the host
	// through localhost, which would not come back otherwise. Default: true.
	SNAT *bool `json:"snat"`
	// MasqAll masquerades all connections through host ports.
	MasqAll bool `json:"masqAll"`
	// MarkMasqBit is the bit, 0 to 31, of the packet mark that the iptables
	// backend uses. Default: 13.
	//
	//schema:value {"minimum": 0, "maximum": 31}
	MarkMasqBit *int `json:"markMasqBit"`
	// ExternalSetMarkChain is a chain that marks packets to be masqueraded and
	// that somebody else made. With it, nothing here masquerades.
	ExternalSetMarkChain *string `json:"externalSetMarkChain"`
	// ConditionsV4 and ConditionsV6 are conditions on packets, of the family, to
	// host ports, in the language of the backend: arguments of iptables(8), or
	// words of nft(8).
	ConditionsV4 *[]string `json:"conditionsV4"`
	ConditionsV6 *[]string `json:"conditionsV6"`
	// HostPortConflict says what an ADD does where another container has a port that it
	// asks for: error, or ignore, which leaves the port to the other one. Default: error.
	//
	//schema:value {"enum": ["", "error", "ignore"]}
	HostPortConflict string `json:"hostPortConflict"`

	RuntimeConfig struct {
		// PortMappings are the ports of the container.
		PortMappings []mapping `json:"portMappings"`
	} `json:"runtimeConfig"`
}

// mapping is one entry of portMappings.
type mapping struct {
	// HostPort of the host, or the first one of several.
	//
	//schema:required
	//schema:value {"minimum": 1, "maximum": 65535}
	HostPort int `json:"hostPort"`
	// HostPortEnd is the last one. Default: 0, there is one port only.
	//
	//schema:value {"minimum": 0, "maximum": 65535}
	HostPortEnd int `json:"hostPortEnd,omitempty"`
	// ContainerPort belongs to hostPort, and the following ones to those behind.
	//
	//schema:required
	//schema:value {"minimum": 1, "maximum": 65535}
	ContainerPort int `json:"containerPort"`
	// Protocol is tcp, udp or sctp, in any case.
	//
	//schema:required
	Protocol string `json:"protocol"`
	// HostIP is the address of the host, and 0.0.0.0 or :: stands for all of its
	// family. Default: all of both.
	HostIP string `json:"hostIP,omitempty"`
}

const maxPort = 65535

// Validate checks and completes the configuration.
func (c *Conf) Validate() error {
	if err := c.validate(); err != nil {
		return fmt.Errorf("failed to parse config: %w", err)
	}
	return nil
}

func (c *Conf) validate() error {
	if c.SNAT == nil {
		yes := true
		c.SNAT = &yes
	}
	if c.ExternalSetMarkChain != nil && c.MarkMasqBit != nil {
		return invalid("Cannot specify externalSetMarkChain and markMasqBit")
	}
	if c.MarkMasqBit == nil {
		bit := defaultMarkBit
		c.MarkMasqBit = &bit
	}
	if *c.MarkMasqBit < 0 || *c.MarkMasqBit > 31 {
		return invalid("MasqMarkBit must be between 0 and 31")
	}
	if err := c.chooseBackend(); err != nil {
		return err
	}
	switch c.HostPortConflict {
	case "", conflictIgnore, conflictError:
	default:
		return fmt.Errorf("invalid hostPortConflict %q (must be %q or %q)", c.HostPortConflict, conflictIgnore, conflictError)
	}
	for i := range c.RuntimeConfig.PortMappings {
		if err := c.RuntimeConfig.PortMappings[i].validate(fmt.Sprintf("portMappings[%d].", i)); err != nil {
			return err
		}
	}
	return nil
}

// invalid returns an error with a text of upstream's.
func invalid(format string, args ...any) error {
	return plugin.Errorf(types.ErrInvalidNetworkConfig, format, args...)
}

// chooseBackend refuses what is not for the backend, or chooses the one that
// everything is for.
func (c *Conf) chooseBackend() error {
	ofIPTables, ofNFTables := c.specific()
	switch c.Backend {
	case "":
		switch {
		case len(ofIPTables) > 0:
			c.Backend = backendIPTables
		case len(ofNFTables) > 0 || !iptables.Usable():
			c.Backend = backendNFTables
		default:
			c.Backend = backendIPTables
		}
	case backendIPTables, backendNFTables:
	default:
		return fmt.Errorf("unrecognized backend %q", c.Backend)
	}
	other, keys := backendNFTables, ofNFTables
	if c.Backend == backendNFTables {
		other, keys = backendIPTables, ofIPTables
	}
	if len(keys) > 0 {
		return fmt.Errorf("%s backend was requested but configuration contains %s-specific options %v", c.Backend, other, keys)
	}
	return nil
}

// specific returns the keys that are for one of the backends only.
func (c *Conf) specific() (ofIPTables, ofNFTables []string) {
	if c.ExternalSetMarkChain != nil {
		ofIPTables = append(ofIPTables, "externalSetMarkChain")
	}
	for _, conditions := range []struct {
		key   string
		words *[]string
	}{{"conditionsV4", c.ConditionsV4}, {"conditionsV6", c.ConditionsV6}} {
		switch {
		case conditions.words == nil || len(*conditions.words) == 0:
		case strings.HasPrefix((*conditions.words)[0], "-"), strings.HasPrefix((*conditions.words)[0], "!"):
			ofIPTables = append(ofIPTables, conditions.key)
		default:
			ofNFTables = append(ofNFTables, conditions.key)
		}
	}
	return ofIPTables, ofNFTables
}

// validate checks and completes a mapping. Where upstream has a text, that is
// the error, otherwise it names the key.
func (m *mapping) validate(key string) error {
	switch {
	case m.ContainerPort <= 0:
		return invalid("Invalid container port number: %d", m.ContainerPort)
	case m.HostPort <= 0:
		return invalid("Invalid host port number: %d", m.HostPort)
	case m.ContainerPort > maxPort:
		return fmt.Errorf("invalid %scontainerPort %d (must be between 1 and %d)", key, m.ContainerPort, maxPort)
	case m.HostPort > maxPort:
		return fmt.Errorf("invalid %shostPort %d (must be between 1 and %d)", key, m.HostPort, maxPort)
	case m.HostPortEnd != 0 && (m.HostPortEnd < m.HostPort || m.HostPortEnd > maxPort):
		return fmt.Errorf("invalid %shostPortEnd %d (must be between hostPort %d and %d)", key, m.HostPortEnd, m.HostPort, maxPort)
	case m.ContainerPort+m.count()-1 > maxPort:
		return fmt.Errorf("invalid %shostPortEnd %d (the last container port would be %d)", key, m.HostPortEnd, m.ContainerPort+m.count()-1)
	}
	m.Protocol = strings.ToLower(m.Protocol)
	if !slices.Contains(protocols(), m.Protocol) {
		return fmt.Errorf("invalid %sprotocol %q (must be tcp, udp or sctp)", key, m.Protocol)
	}
	if m.HostIP != "" && net.ParseIP(m.HostIP) == nil {
		return fmt.Errorf("invalid %shostIP %q", key, m.HostIP)
	}
	return nil
}

// protocols that have ports, all of which a mapping can be for.
func protocols() []string { return []string{"tcp", "udp", "sctp"} }

// count returns the number of ports.
func (m mapping) count() int { return max(m.HostPortEnd, m.HostPort) - m.HostPort + 1 }

// at returns the mapping of the ith of the ports alone.
func (m mapping) at(i int) mapping {
	return mapping{HostPort: m.HostPort + i, ContainerPort: m.ContainerPort + i, Protocol: m.Protocol, HostIP: m.HostIP}
}

// ports returns the port of the host, or the first and the last one with what is to be between
// them.
func (m mapping) ports(between string) string {
	if m.count() == 1 {
		return strconv.Itoa(m.HostPort)
	}
	return strconv.Itoa(m.HostPort) + between + strconv.Itoa(m.HostPortEnd)
}

// String returns the host's side, for errors.
func (m mapping) String() string {
	ports := m.ports("-")
	if m.HostIP != "" {
		ports = net.JoinHostPort(m.HostIP, ports)
	}
	return ports + "/" + m.Protocol
}

// address returns the address of the host, or nil for all.
func (m mapping) address() net.IP {
	if ip := net.ParseIP(m.HostIP); ip != nil && !ip.IsUnspecified() {
		return ip
	}
	return nil
}

// isFor reports whether the mapping is for packets to addresses like ip.
func (m mapping) isFor(ip net.IP) bool {
	host := net.ParseIP(m.HostIP)
	return host == nil || (host.To4() == nil) == (ip.To4() == nil)
}
