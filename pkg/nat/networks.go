package nat

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/owner"
)

// parseNetworks reads a list of networks in CIDR notation. Those of addresses like ::ffff:192.0.2.1
// are IPv4's.
func parseNetworks(texts []string) ([]*net.IPNet, error) {
	var networks []*net.IPNet
	for _, text := range texts {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			return nil, fmt.Errorf("ipMasqExclude: %q is no network in CIDR notation", text)
		}
		if v4 := network.IP.To4(); v4 != nil {
			network.IP, network.Mask = v4, network.Mask[len(network.Mask)-net.IPv4len:]
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// networksLike returns those of the networks that are of ip's family, sorted, without any
// that is part of another one.
func networksLike(ip net.IP, networks []*net.IPNet) []*net.IPNet {
	like := slices.DeleteFunc(slices.Clone(networks), func(n *net.IPNet) bool { return (n.IP.To4() == nil) != (ip.To4() == nil) })
	slices.SortFunc(like, func(a, b *net.IPNet) int {
		return cmp.Or(bytes.Compare(a.IP, b.IP), bytes.Compare(a.Mask, b.Mask)) // the larger one first
	})
	var apart []*net.IPNet
	for _, n := range like {
		if last := len(apart) - 1; last < 0 || !apart[last].Contains(n.IP) {
			apart = append(apart, n)
		}
	}
	return apart
}

// fanOut is into how many parts branches divides networks at most. Where it divides them again
// and again, ten times is enough for any of IPv6: each part but one is a single network then, at
// worst, and has another bit than those beside it. The kernel follows 16 jumps.
const fanOut = 16

// branches divides sorted networks, none of which is part of another one, into parts that have no
// address in common even if each is rounded up to one network.
func branches(networks []*net.IPNet) [][]*net.IPNet {
	parts := [][]*net.IPNet{networks}
	for len(parts) < fanOut {
		largest := 0
		for i, part := range parts {
			if len(part) > len(parts[largest]) {
				largest = i
			}
		}
		part := parts[largest]
		if len(part) == 1 || len(part) <= fanOut && len(networks) > fanOut {
			break
		}
		bit, _ := around(part).Mask.Size()
		second := slices.IndexFunc(part, func(n *net.IPNet) bool { return n.IP[bit/8]<<(bit%8)&0x80 != 0 })
		parts = slices.Replace(parts, largest, largest+1, part[:second], part[second:])
	}
	return parts
}

// around returns the smallest network that has the sorted ones in it.
func around(networks []*net.IPNet) *net.IPNet {
	first, last := networks[0], networks[len(networks)-1]
	ones, bits := first.Mask.Size()
	for mask := net.CIDRMask(ones, bits); !first.IP.Mask(mask).Equal(last.IP.Mask(mask)); mask = net.CIDRMask(ones, bits) {
		ones--
	}
	return &net.IPNet{IP: first.IP.Mask(net.CIDRMask(ones, bits)), Mask: net.CIDRMask(ones, bits)}
}

// hashOf returns the hash of a list of networks, of the given length, by which what is
// made for the list once is found again.
func hashOf(networks []*net.IPNet, length int) string {
	return owner.Name(length, "", strings.Join(textsOf(networks), " "))
}

func sameNetworks(a, b []*net.IPNet) bool { return slices.Equal(textsOf(a), textsOf(b)) }

func textsOf(networks []*net.IPNet) []string {
	texts := make([]string, len(networks))
	for i, n := range networks {
		texts[i] = n.String()
	}
	return texts
}

// notSpared is the error about others than these networks being excluded from masquerading.
func notSpared(want []*net.IPNet) error {
	return fmt.Errorf("not the networks that are excluded from masquerading: %v", textsOf(want))
}
