package iface

import "fmt"

// minMTU is the smallest MTU that IPv4 allows (RFC 791), and ETH_MIN_MTU.
const minMTU = 68

// MaxMTU is the largest MTU that the drivers of bridge and veth take, ETH_MAX_MTU.
const MaxMTU = 65535

// ValidateMTU checks an MTU in bytes, where 0 leaves it to the kernel. The largest
// one, most, is 0 for drivers that know none.
func ValidateMTU(mtu, most int) error {
	switch {
	case mtu == 0, mtu >= minMTU && (most == 0 || mtu <= most):
		return nil
	case most == 0:
		return fmt.Errorf("invalid mtu %d (must be 0 or at least %d)", mtu, minMTU)
	}
	return fmt.Errorf("invalid mtu %d (must be 0 or between %d and %d)", mtu, minMTU, most)
}
