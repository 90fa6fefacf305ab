package nat

import (
	"errors"
	"fmt"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

const kind = "masquerade"

// Holdings returns what attachments have in all backends, upstream's as well.
func Holdings() ([]plugin.Holding, error) {
	var found []plugin.Holding
	byNFTables := nft.WithTable(masqTable(), func(c *nft.Conn) (err error) {
		found, err = nftHoldings(c)
		return err
	})
	byIPTables := iptables.Look(table, func(t *iptables.Table) error {
		found = append(found, iptablesHoldings(t)...)
		return nil
	})
	if err := errors.Join(byNFTables, byIPTables); err != nil {
		return found, fmt.Errorf("look for masquerade: %w", err)
	}
	return found, nil
}

func nftHoldings(c *nft.Conn) ([]plugin.Holding, error) {
	elements, err := c.Elements(masqTable(), attachments)
	if err != nil {
		return nil, err
	}
	var found []plugin.Holding
	for _, x := range elements {
		e := parseEntry(x)
		prefix, _ := nft.OwnerOf(x.Key)
		h := plugin.Holding{Prefix: prefix, Kind: kind, What: fmt.Sprintf("of %s, nftables", e.ip)}
		if e.ip != nil {
			have, ok, err := c.Element(masqTable(), e.set, nft.Addr(e.ip))
			if err != nil {
				return nil, err
			}
			if a, named := owner.OfTag(have.Comment); ok && named && a.Prefix() == prefix {
				h.Prefix, h.Attachment = "", a
			}
		}
		found = append(found, h)
	}
	rules, err := c.Rules(masqTable(), masqChecks)
	for _, r := range rules { // upstream's have an owner each
		if owner.IsTag(r.Comment) {
			found = append(found, plugin.Tagged(r.Comment, kind, "nftables, of containernetworking/plugins"))
		}
	}
	return found, err
}

func iptablesHoldings(t *iptables.Table) []plugin.Holding {
	var found []plugin.Holding
	for _, r := range jumpsOf(t) {
		a, ok := owner.OfComment(r.Comment())
		if !ok {
			continue
		}
		from := "any address"
		if r.Source() != nil {
			from = r.Source().IP.String()
		}
		h := plugin.Holding{Attachment: a, Kind: kind, What: fmt.Sprintf("of %s, iptables", from)}
		for _, inside := range t.Rules(r.Target()) {
			ifName, ip, ok := parseRecord(inside.Comment())
			if ok && r.Source() != nil && ip.Equal(r.Source().IP) {
				h.IfName = ifName
			}
		}
		found = append(found, h)
	}
	return found
}
