package bandwidth

import (
	"errors"
	"fmt"
	"net"
	"slices"
)

// Subnets are networks, in CIDR notation, at the other end of the container's traffic: what it
// receives comes from them, what it sends goes there. There are those of one of both kinds, or
// none, the default: all traffic is limited.
type Subnets struct {
	// ShapedSubnets are the only ones whose traffic is limited.
	ShapedSubnets []string `json:"shapedSubnets"`
	// UnshapedSubnets are those whose traffic is not.
	UnshapedSubnets []string `json:"unshapedSubnets"`
}

func (s Subnets) isEmpty() bool { return len(s.ShapedSubnets)+len(s.UnshapedSubnets) == 0 }

// maxSubnets bounds them: a packet may pass a filter for each.
const maxSubnets = 1000

func (s Subnets) scope() (scope, error) {
	texts := slices.Concat(s.ShapedSubnets, s.UnshapedSubnets)
	switch {
	case len(s.ShapedSubnets) > 0 && len(s.UnshapedSubnets) > 0:
		return scope{}, errors.New("shapedSubnets and unshapedSubnets exclude each other")
	case len(texts) > maxSubnets:
		return scope{}, fmt.Errorf("there cannot be more than %d shapedSubnets or unshapedSubnets", maxSubnets)
	}
	sc := scope{only: len(s.ShapedSubnets) > 0}
	for _, text := range texts {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			return scope{}, fmt.Errorf("shapedSubnets, unshapedSubnets: %q is no network in CIDR notation", text)
		}
		sc.networks = append(sc.networks, network)
	}
	return sc, nil
}

// scope is what of the traffic a bucket limits. The zero value is all.
type scope struct {
	networks []*net.IPNet
	// only says that the networks' traffic alone is limited, not all but theirs.
	only bool
	// end says which addresses of a packet are compared with the networks.
	end end
}

// end is one of the two ends of a packet's way.
type end int

const (
	source end = iota
	destination
)

func (s scope) isAll() bool { return len(s.networks) == 0 }

// by returns the scope with an end, if it has need of one.
func (s scope) by(e end) scope {
	if !s.isAll() {
		s.end = e
	}
	return s
}
