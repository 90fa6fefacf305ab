package nat

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/nft"
)

// Downgrade puts the networks that are excluded into the attachments' own chains, which
// upstream's DEL removes with all that they have. The rest is upstream's but for a comment
// that this does not look at.
func (viaIPTables) Downgrade(all []Masqueraded) error {
	all = slices.DeleteFunc(slices.Clone(all), func(m Masqueraded) bool { return len(m.Exclude) == 0 })
	if len(all) == 0 {
		return nil
	}
	err := iptables.ChangeEach(table, familiesOf(all), func(t *iptables.Table) error {
		for _, m := range all {
			if addresses := ofFamily(m.Addresses, t.Family); len(addresses) > 0 {
				readState(t, m.ChainName("")).unshare(record(m.Attachment, unspecified(addresses[0].IP)))
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("downgrade masquerade: %w", err)
	}
	return nil
}

func (viaNFTables) Downgrade(all []Masqueraded) error {
	if len(all) == 0 {
		return nil
	}
	var replaced []entry
	for _, m := range all {
		replaced = append(replaced, newEntries(m.Attachment, m.Addresses, m.Options)...)
	}
	// Two transactions, as a packet on its way may see elements go, but rules not yet come.
	err := nft.Change(func(c *nft.Conn, tx *nft.Transaction) error { return addUpstreams(c, tx, all) })
	if err == nil {
		err = replace(func(c *nft.Conn, tx *nft.Transaction) ([]entry, error) { return replaced, removeAll(c, tx, all) })
	}
	if err == nil {
		err = nft.Change(removeAttachments)
	}
	if err != nil {
		return fmt.Errorf("downgrade masquerade: %w", err)
	}
	return nil
}

// addUpstreams adds upstream's rules, in the place of those that there are.
func addUpstreams(c *nft.Conn, tx *nft.Transaction, all []Masqueraded) error {
	if err := addSkeleton(c, tx); err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, m := range all {
		ours[m.Prefix()] = true
		for _, address := range m.Addresses {
			for _, r := range m.upstreamsRules(address) {
				tx.AddRule(masqTable(), masqChecks, r)
			}
		}
	}
	return removeRules(c, tx, func(tag string) bool { return ours[nft.CommentOwner(tag)] })
}

// removeAll removes the elements of all.
func removeAll(c *nft.Conn, tx *nft.Transaction, all []Masqueraded) error {
	for _, m := range all {
		if _, err := removeEntries(c, tx, m.Prefix()); err != nil {
			return err
		}
	}
	return nil
}

// upstreamsRules masquerade one address, but for what goes to the excluded networks:
//
//	ip saddr 10.88.0.5 ip daddr 192.168.0.0/16 return comment "6fd94d501e58f0aa-287fc69eff0574a2, net: …, if: …, id: …"
//	ip saddr 10.88.0.5 ip daddr != 10.88.0.0/16 masquerade comment "6fd94d501e58f0aa-287fc69eff0574a2, net: …, if: …, id: …"
//
// The networks have rules of their own, as one takes 128 steps at most (NFT_RULE_MAXEXPRS).
// Upstream's DEL finds all of them by the comment.
func (m Masqueraded) upstreamsRules(address *net.IPNet) []nft.Rule {
	source := append(nft.Protocol(address.IP),
		nft.Load(nft.Register1, nft.Source(address.IP)),
		nft.Equal(nft.Register1, nft.Addr(address.IP)))
	var rules []nft.Rule
	for _, n := range networksLike(address.IP, m.Exclude) {
		rules = append(rules, nft.Rule{Comment: m.Tag(), Exprs: slices.Concat(source, withinNetwork(n), []nft.Expr{nft.Return.End()})})
	}
	masquerade := slices.Concat(source, beyond(address), []nft.Expr{nft.Masquerade(m.RandomFully)})
	return append(rules, nft.Rule{Comment: m.Tag(), Exprs: masquerade})
}

// removeAttachments removes the set attachments, unless an attachment is in it or coming:
// its ADD relies on the set where there is one of a subnet.
func removeAttachments(c *nft.Conn, tx *nft.Transaction) (err error) {
	if tx.Generation, err = c.Generation(); err != nil {
		return err
	}
	exists, err := c.HasSet(masqTable(), attachments)
	if err != nil || !exists {
		return err
	}
	some, err := c.SomeElements(masqTable(), attachments, 0)
	if err != nil || len(some) > 0 {
		return err
	}
	rules, err := c.Rules(masqTable(), masqChecks)
	if err != nil || slices.ContainsFunc(rules, func(r nft.FoundRule) bool { return strings.HasPrefix(r.Comment, "ip") }) {
		return err
	}
	tx.DeleteSet(masqTable(), attachments)
	return nil
}
