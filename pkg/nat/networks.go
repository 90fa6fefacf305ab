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

// parseNetworks reads a list of networks in CIDR notation.
func parseNetworks(texts []string) ([]*net.IPNet, error) {
	var networks []*net.IPNet
	for _, text := range texts {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			return nil, fmt.Errorf("ipMasqExclude: %q is no network in CIDR notation", text)
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
