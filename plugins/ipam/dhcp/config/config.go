// Package config is the network configuration of the plugin dhcp, which its
// client checks and its daemon follows.
package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/containernetworking/plugins/pkg/plugin"
)

// DefaultSocket is where the daemon listens.
const DefaultSocket = "/run/cni/dhcp.sock"

// The values of IPv6.
const (
	IPv6DHCP = "dhcp"
	IPv6RA   = "ra"
	IPv6Both = "both"
)

// Conf is the network configuration, as far as dhcp reads it.
type Conf struct {
	Name string `json:"name"`
	// IPAM is the part of this plugin.
	//
	//schema:required
	IPAM *IPAM `json:"ipam"`
}

// IPAM is dhcp's own part of the configuration.
type IPAM struct {
	// DaemonSocketPath is where the daemon listens, an absolute path. Default: /run/cni/dhcp.sock.
	DaemonSocketPath string `json:"daemonSocketPath"`
	// Provide are options that are sent to the server.
	Provide []Provide `json:"provide"`
	// Request are options that the server is asked for. 3 (routers) and 1 (subnet mask) are
	// asked for as well, unless one entry has skipDefault.
	Request []Request `json:"request"`
	// Priority of all routes. Default: as the kernel chooses, which is also what 0 stands for.
	//
	//schema:value {"minimum": 0, "maximum": 4294967295}
	Priority int `json:"priority"`
	// ClientID is what the server tells clients apart by (option 61): duid (RFC 4361), mac, 0x
	// and hexadecimal digits, or any other text. Default: the container's id, the network's name
	// and the interface's, with slashes between them.
	ClientID string `json:"clientID"`
	// Broadcast asks servers to answer to everybody, because the interface gets
	// nothing else before it has an address. Default: true for ipvlan, and
	// otherwise as the daemon's flag says.
	Broadcast *bool `json:"broadcast"`
	// DNS puts what the server says of name resolution into the result.
	DNS bool `json:"dns"`
	// MTU sets the interface's MTU to what the server says.
	MTU bool `json:"mtu"`
	// IPv6 is how the interface gets IPv6 addresses: dhcp, ra (from router advertisements) or
	// both. Default: not at all.
	//
	//schema:value {"enum": ["", "dhcp", "ra", "both"]}
	IPv6 string `json:"ipv6"`
}

// Provide is an option for the server.
type Provide struct {
	// Option is a name or a number.
	//
	//schema:required
	Option string `json:"option"`
	// Value is sent as it is.
	//
	//schema:value {"maxLength": 255}
	Value string `json:"value"`
	// FromArg is a key of CNI_ARGS, whose value replaces the other one if it is there.
	FromArg string `json:"fromArg"`
}

// Request is an option that the server is asked for.
type Request struct {
	// SkipDefault keeps options that nobody named from being asked for.
	SkipDefault bool `json:"skipDefault"`
	// Option is a name or a number.
	Option string `json:"option"`
}

// Parse reads and checks a configuration. Its errors have code 6 or 7.
func Parse(stdin []byte) (*Conf, error) {
	conf := new(Conf)
	if err := plugin.Unmarshal(stdin, conf); err != nil {
		return nil, plugin.Errorf(types.ErrDecodingFailure, "failed to load netconf: %w", err)
	}
	if conf.IPAM == nil {
		return nil, invalid("IPAM config missing 'ipam' key")
	}
	return conf, conf.IPAM.validate()
}

func (c *IPAM) validate() error {
	if path := c.DaemonSocketPath; path != "" && !filepath.IsAbs(path) {
		return invalid("daemonSocketPath %q is not absolute", path)
	}
	if c.Priority < 0 {
		return invalid("priority %d is negative", c.Priority)
	}
	if int64(c.Priority) > math.MaxUint32 {
		return invalid("priority %d is more than %d", c.Priority, uint32(math.MaxUint32))
	}
	switch c.IPv6 {
	case "", IPv6DHCP, IPv6RA, IPv6Both:
	default:
		return invalid("ipv6 is %q, which is none of dhcp, ra and both", c.IPv6)
	}
	if _, err := parseClientID(c.ClientID); err != nil {
		return err
	}
	if _, err := c.Options(""); err != nil {
		return err
	}
	_, err := c.RequestList()
	return err
}

// Socket returns where the daemon listens.
func (c *IPAM) Socket() string { return cmp.Or(c.DaemonSocketPath, DefaultSocket) }

// LeasesIPv6 reports whether addresses come from DHCPv6.
func (c *IPAM) LeasesIPv6() bool { return c.IPv6 == IPv6DHCP || c.IPv6 == IPv6Both }

// AwaitsRouter reports whether ADD waits for a router advertisement.
func (c *IPAM) AwaitsRouter() bool { return c.IPv6 == IPv6RA || c.IPv6 == IPv6Both }

// SocketPath returns where the daemon listens according to a configuration of
// which the rest need not be valid.
func SocketPath(stdin []byte) (string, error) {
	var conf struct {
		IPAM struct {
			DaemonSocketPath string `json:"daemonSocketPath"`
		} `json:"ipam"`
	}
	if err := json.Unmarshal(stdin, &conf); err != nil {
		return "", plugin.Errorf(types.ErrDecodingFailure, "error obtaining socketPath: %w", err)
	}
	return cmp.Or(conf.IPAM.DaemonSocketPath, DefaultSocket), nil
}

// parseOption returns the code of an option that a configuration names, or
// numbers.
func parseOption(text string) (uint8, error) {
	switch text {
	case "subnet-mask":
		return 1, nil
	case "routers":
		return 3, nil
	case "host-name":
		return 12, nil
	case "vendor-class-identifier":
		return 60, nil
	case "dhcp-client-identifier":
		return 61, nil
	case "user-class":
		return 77, nil
	}
	code, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		//lint:ignore ST1005 callers match upstream's text
		return 0, fmt.Errorf("Can not parse option: %w", err)
	}
	return uint8(code), nil
}

// Options returns the options to send, with the values that CNI_ARGS has for
// them.
func (c *IPAM) Options(cniArgs string) (dhcpv4.Options, error) {
	args := parseArgs(cniArgs)
	options := make(dhcpv4.Options)
	for _, p := range c.Provide {
		code, err := parseOption(p.Option)
		if err != nil {
			return nil, invalid("Can not parse option %q: %w", p.Option, err)
		}
		if len(p.Value) > maxOption {
			return nil, invalid("value too long for option %q: %q", p.Option, p.Value)
		}
		if p.Value != "" {
			options[code] = []byte(p.Value)
		}
		value, ok := args[p.FromArg]
		if p.FromArg == "" || !ok {
			continue
		}
		if len(value) > maxOption {
			return nil, invalid("value too long for option %q from CNI_ARGS %q: %q", p.Option, p.FromArg, value)
		}
		options[code] = []byte(value)
	}
	return options, nil
}

// maxOption is the longest value of an option.
const maxOption = 255

func parseArgs(cniArgs string) map[string]string {
	args := make(map[string]string)
	for _, pair := range strings.Split(cniArgs, ";") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			args[key] = value
		}
	}
	return args
}

// RequestList returns the value of option 55, which cannot be empty: where nothing
// is left to ask for, it is the one that is usual.
func (c *IPAM) RequestList() ([]byte, error) {
	var list []byte
	skipDefault := false
	for _, r := range c.Request {
		skipDefault = skipDefault || r.SkipDefault
		if r.Option == "" {
			continue
		}
		code, err := parseOption(r.Option)
		if err != nil {
			return nil, invalid("Can not parse option %q: %w", r.Option, err)
		}
		list = append(list, code)
	}
	if !skipDefault {
		list = append(list, dhcpv4.OptionRouter.Code(), dhcpv4.OptionSubnetMask.Code())
	}
	if list == nil {
		list = []byte{1, 3, 15, 6}
	}
	if c.DNS {
		list = append(list, dhcpv4.OptionDomainNameServer.Code(), dhcpv4.OptionDomainName.Code(), dhcpv4.OptionDNSDomainSearchList.Code())
	}
	if c.MTU {
		list = append(list, dhcpv4.OptionInterfaceMTU.Code())
	}
	return list, nil
}

func invalid(format string, args ...any) error {
	return plugin.Errorf(types.ErrInvalidNetworkConfig, format, args...)
}
