package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

// agentTable is the agent's own table of nftables.
func agentTable() nft.Table {
	return nft.Table{Family: nft.Inet, Name: "cni_plugins_agent", Comment: "Masquerading of what leaves the cluster, by cni-plugins-agent"}
}

const postrouting = "postrouting"

// natSource is the priority that nft(8) calls srcnat, NF_IP_PRI_NAT_SRC.
const natSource = 100

// multicast is never masqueraded.
var multicast = []netip.Prefix{netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("ff00::/8")}

// scope is what to masquerade: what comes from this node's containers, and goes to none of
// the cluster's prefixes.
type scope struct{ from, cluster []netip.Prefix }

// settle makes the table what is wanted, unless it is. The rules come all at once, in the
// place of those before: no packet meets half of them.
func (s scope) settle() error {
	c, err := nft.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.Change(func(tx *nft.Transaction) error { return s.replace(c, tx) })
	switch {
	case nft.IsNotSupported(err):
		return fmt.Errorf("masquerade: %w (where the kernel has no nftables, give --masquerade=false and have the plugin masquerade)", err)
	case err != nil:
		return fmt.Errorf("masquerade: %w", err)
	}
	return nil
}

func (s scope) replace(c *nft.Conn, tx *nft.Transaction) error {
	rules := s.rules()
	there, err := c.Rules(agentTable(), postrouting)
	if err != nil || slices.EqualFunc(there, rules, func(a nft.FoundRule, b nft.Rule) bool { return a.Comment == b.Comment }) {
		return err
	}
	exists, err := c.HasTable(agentTable())
	if err != nil {
		return err
	}
	if !exists {
		tx.AddTable(agentTable())
	}
	if exists, err = c.HasChain(agentTable(), postrouting); err != nil {
		return err
	}
	if !exists {
		tx.AddChain(agentTable(), nft.Chain{Name: postrouting, Base: &nft.Base{Type: "nat", Hook: unix.NF_INET_POST_ROUTING, Priority: natSource}})
	}
	for _, r := range there {
		tx.DeleteRule(agentTable(), postrouting, r.Handle)
	}
	for _, r := range rules {
		tx.AddRule(agentTable(), postrouting, r)
	}
	return nil
}

// removeMasquerade removes the table. Where the kernel has no nftables, there is none.
func removeMasquerade() error {
	c, err := nft.Dial()
	if err == nil {
		defer c.Close()
		err = c.Change(func(tx *nft.Transaction) error {
			exists, err := c.HasTable(agentTable())
			if exists {
				tx.DeleteTable(agentTable())
			}
			return err
		})
	}
	if nft.IsNotSupported(err) {
		return nil
	}
	return err
}

// rules returns the rules, with comments that say all of them.
func (s scope) rules() []nft.Rule {
	var rules []nft.Rule
	add := func(comment string, p netip.Prefix, field func(net.IP) nft.Field, end nft.Expr) {
		rules = append(rules, nft.Rule{Exprs: append(within(p, field), end), Comment: fmt.Sprint(comment, " ", p)})
	}
	for _, p := range slices.Concat(s.cluster, multicast) {
		add("not to", p, nft.Destination, nft.Return.End())
	}
	for _, p := range s.from {
		add("from", p, nft.Source, nft.Masquerade(true))
	}
	return rules
}

// within goes on with packets that have an address of the prefix in the field.
func within(p netip.Prefix, field func(net.IP) nft.Field) []nft.Expr {
	network := ipNet(p.Masked())
	return append(nft.Protocol(network.IP),
		nft.Load(nft.Register1, field(network.IP)),
		nft.Mask(nft.Register1, network.Mask),
		nft.Equal(nft.Register1, network.IP))
}

// aggregate returns the fewest prefixes that have the same addresses, in order: of a
// cluster's podCIDRs, which follow each other, some few.
func aggregate(prefixes []netip.Prefix) []netip.Prefix {
	sorted := slices.Clone(prefixes)
	slices.SortFunc(sorted, netip.Prefix.Compare)
	var out []netip.Prefix
	for _, p := range sorted {
		if n := len(out); n > 0 && out[n-1].Overlaps(p) {
			continue // within the one before, which is not longer
		}
		out = append(out, p)
		for n := len(out); n > 1; n = len(out) {
			parent, ok := siblings(out[n-2], out[n-1])
			if !ok {
				break
			}
			out = append(out[:n-2], parent)
		}
	}
	return out
}

// siblings returns the prefix that consists of two, if there is one.
func siblings(a, b netip.Prefix) (netip.Prefix, bool) {
	if a.Bits() != b.Bits() || a.Bits() == 0 || a == b {
		return netip.Prefix{}, false
	}
	parent := netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked()
	return parent, parent.Contains(b.Addr())
}
