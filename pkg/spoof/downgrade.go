package spoof

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/nft"
)

// Downgrade removes what Add and Allow made for the ports, and gives those that are in
// upstreams the chains of upstream's ADD, which check the hardware address alone. Its DEL
// removes them if the configuration has macspoofchk.
func Downgrade(all, upstreams []Restricted) error {
	if len(all) == 0 {
		return nil
	}
	err := nft.Change(func(c *nft.Conn, tx *nft.Transaction) error { return downgrade(c, tx, all, upstreams) })
	if err == nil {
		err = nft.Change(removeUnused)
	}
	if err != nil {
		return fmt.Errorf("downgrade spoof-check: %w", err)
	}
	return nil
}

func downgrade(c *nft.Conn, tx *nft.Transaction, all, upstreams []Restricted) error {
	if len(upstreams) > 0 {
		if err := addUpstreamsBase(c, tx); err != nil {
			return err
		}
	}
	for _, r := range upstreams {
		if err := removeUpstreams(c, tx, r.Attachment); err != nil {
			return err
		}
		addUpstreams(tx, r)
	}
	for _, r := range all {
		if err := remove(c, tx, r.Prefix()); err != nil {
			return err
		}
	}
	return nil
}

// addUpstreamsBase adds what all of upstream's chains have in common, as far as it is not
// there.
func addUpstreamsBase(c *nft.Conn, tx *nft.Transaction) error {
	exists, err := c.HasTable(upstreamsTable())
	if err != nil {
		return err
	}
	if !exists {
		tx.AddTable(upstreamsTable())
	}
	base := nft.Chain{Name: link.SpoofChain, Base: &nft.Base{Type: "filter", Hook: unix.NF_INET_PRE_ROUTING, Priority: priority}}
	return c.CompleteChain(tx, upstreamsTable(), base, nil)
}

// addUpstreams adds upstream's chains for a port, and the rule that leads to them, if
// upstream's own ADD could.
func addUpstreams(tx *nft.Transaction, r Restricted) {
	chain, macChain, comment := upstream(r.Attachment)
	if !fits(macChain) {
		return
	}
	tx.AddChain(upstreamsTable(), nft.Chain{Name: macChain})
	tx.AddChain(upstreamsTable(), nft.Chain{Name: chain})
	for _, rule := range []struct {
		chain string
		exprs []nft.Expr
	}{
		{macChain, rule(nft.Return, is(sourceMAC(), r.MAC))},
		{macChain, rule(nft.Drop)},
		{chain, rule(nft.Jump(macChain))},
		{link.SpoofChain, rule(nft.Jump(chain), []nft.Expr{
			nft.Meta(nft.Register1, unix.NFT_META_IIFNAME),
			nft.Equal(nft.Register1, nft.Interface(r.Name)),
		})},
	} {
		tx.AddRule(upstreamsTable(), rule.chain, nft.Rule{Exprs: rule.exprs, Comment: comment})
	}
}

// removeUnused removes the table if no port is in it, nor coming.
func removeUnused(c *nft.Conn, tx *nft.Transaction) (err error) {
	if tx.Generation, err = c.Generation(); err != nil {
		return err
	}
	exists, err := c.HasTable(table())
	if err != nil || !exists {
		return err
	}
	some, err := c.SomeElements(table(), attachments, 0)
	if err == nil && len(some) == 0 {
		tx.DeleteTable(table())
	}
	return err
}
