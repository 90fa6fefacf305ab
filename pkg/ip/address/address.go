// Package address has the textual form that addresses have in configurations
// and CNI_ARGS. It is apart from package ip so that a plugin that only reads
// addresses does not link netlink.
package address

import (
	"fmt"
	"net"
	"strings"
)

// IP is an address with or without a prefix length, as in "192.0.2.1" and
// "192.0.2.1/24". Without, its mask is nil.
//
//schema:value {"type": "string"}
type IP struct {
	net.IPNet
}

// ParseIP parses an address with or without a prefix length. It returns nil if
// s is neither.
func ParseIP(s string) *IP {
	if strings.Contains(s, "/") {
		addr, subnet, err := net.ParseCIDR(s)
		if err != nil {
			return nil
		}
		return &IP{net.IPNet{IP: addr, Mask: subnet.Mask}}
	}
	addr := net.ParseIP(s)
	if addr == nil {
		return nil
	}
	return &IP{net.IPNet{IP: addr}}
}

// ToIP returns the address alone: 4 bytes for IPv4, 16 for IPv6, nil if there
// is none.
func (i *IP) ToIP() net.IP {
	if v4 := i.IP.To4(); v4 != nil {
		return v4
	}
	return i.IP.To16()
}

// String returns the notation that ParseIP accepts, or "<nil>" without address.
func (i *IP) String() string {
	if len(i.IP) > 0 && len(i.Mask) > 0 {
		return i.IPNet.String()
	}
	return i.IP.String()
}

// MarshalText implements encoding.TextMarshaler. The text for no address is
// empty.
func (i *IP) MarshalText() ([]byte, error) {
	if len(i.IP) == 0 {
		return []byte{}, nil
	}
	return []byte(i.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. The empty text means no
// address.
func (i *IP) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*i = IP{}
		return nil
	}
	parsed := ParseIP(string(b))
	if parsed == nil {
		return fmt.Errorf("invalid IP address %s", b)
	}
	*i = *parsed
	return nil
}
