package nat

import (
	"bytes"
	"net"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/nft"
)

// The name of a set of addresses that have networks excluded says so by their hash. Beside
// it is a set of the networks, which its rule looks into:
//
//	set ip_10.88.0.0/16_except-65b2a1e0f4_networks {
//	    type ipv4_addr
//	    flags interval
//	    elements = { 10.0.0.0/8, 192.168.0.0/16 }
//	}
//	ip saddr @ip_10.88.0.0/16_except-65b2a1e0f4 ip daddr != 10.88.0.0/16 ip daddr != @ip_10.88.0.0/16_except-65b2a1e0f4_networks masquerade
const (
	except   = "_except-"
	networks = "_networks"
)

// exceptFor is the end of the name of a set for addresses like ip.
func exceptFor(ip net.IP, o Options) string {
	spared := networksLike(ip, o.Exclude)
	if len(spared) == 0 {
		return ""
	}
	return except + hashOf(spared, 10)
}

// networksOf returns the name of the set of networks that belongs to a set of addresses, ""
// if it has none.
func networksOf(set string) string {
	if !strings.Contains(set, except) {
		return ""
	}
	return set + networks
}

// beyondNetworks goes on with what is for none of the excluded networks.
func beyondNetworks(ip net.IP, set string) []nft.Expr {
	name := networksOf(set)
	if name == "" {
		return nil
	}
	return []nft.Expr{nft.Load(nft.Register1, nft.Destination(ip)), nft.NotIn(nft.Register1, name)}
}

// addNetworks adds the entry's set of networks, or fills it anew.
func addNetworks(c *nft.Conn, tx *nft.Transaction, e entry) error {
	name := networksOf(e.set)
	if name == "" {
		return nil
	}
	exists, err := c.HasSet(masqTable(), name)
	if err != nil {
		return err
	}
	if exists {
		tx.ClearSet(masqTable(), name)
	} else {
		tx.AddSet(masqTable(), nft.Set{Name: name, Key: []nft.Type{nft.AddrType(e.ip)}, Ranges: true})
	}
	tx.AddElement(masqTable(), name, nft.Ranges(e.spared)...)
	return nil
}

// repairNetworks does so if the set has other networks than it should.
func repairNetworks(c *nft.Conn, tx *nft.Transaction, e entry) error {
	has, err := hasNetworks(c, e.set, e.spared)
	if err != nil || has {
		return err
	}
	return addNetworks(c, tx, e)
}

// hasNetworks reports whether the set of networks that belongs to a set of addresses has
// these.
func hasNetworks(c *nft.Conn, set string, spared []*net.IPNet) (bool, error) {
	name := networksOf(set)
	if name == "" {
		return len(spared) == 0, nil
	}
	have, err := c.Elements(masqTable(), name)
	// nft(8) lets a set begin with the end of what is not in it.
	have = slices.DeleteFunc(have, func(x nft.Element) bool { return x.EndsRange && len(bytes.Trim(x.Key, "\x00")) == 0 })
	slices.SortFunc(have, nft.Element.Compare)
	same := func(a, b nft.Element) bool { return bytes.Equal(a.Key, b.Key) && a.EndsRange == b.EndsRange }
	return slices.EqualFunc(have, nft.Ranges(spared), same), err
}

// deleteNetworks deletes the set of networks that belongs to a set of addresses.
func deleteNetworks(c *nft.Conn, tx *nft.Transaction, set string) error {
	name := networksOf(set)
	if name == "" {
		return nil
	}
	exists, err := c.HasSet(masqTable(), name)
	if exists {
		tx.DeleteSet(masqTable(), name)
	}
	return err
}
