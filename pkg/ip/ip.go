package ip

import "github.com/containernetworking/plugins/pkg/ip/address"

// IP is an address with or without a prefix length, as in "192.0.2.1" and
// "192.0.2.1/24". Without, its mask is nil.
type IP = address.IP

// ParseIP parses an address with or without a prefix length. It returns nil if
// s is neither.
func ParseIP(s string) *IP { return address.ParseIP(s) }
