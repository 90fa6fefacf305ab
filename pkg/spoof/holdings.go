package spoof

import (
	"fmt"
	"strings"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

const kind = "anti-spoofing"

// Holdings returns what attachments have, upstream's chains of the known ones as well. Those
// of others do not tell whose they are, and have no network.
func Holdings(known []owner.Attachment) ([]plugin.Holding, error) {
	var found []plugin.Holding
	err := nft.WithTable(table(), func(c *nft.Conn) error {
		elements, err := c.Elements(table(), attachments)
		for _, x := range elements {
			prefix, n := nft.OwnerOf(x.Key)
			if n > 0 {
				continue // the first one tells enough
			}
			e := parseEntry(x)
			h := plugin.Holding{Prefix: prefix, Kind: kind, What: fmt.Sprintf("of port %s: %s, nftables", e.port, e.what)}
			if have, ok, err := c.Element(table(), ports, nft.Interface(e.port)); err == nil && ok {
				if a, named := owner.OfTag(have.Comment); named && a.Prefix() == prefix {
					h.Prefix, h.Attachment = "", a
				}
			}
			found = append(found, h)
		}
		return err
	})
	if err == nil {
		err = nft.WithTable(upstreamsTable(), func(c *nft.Conn) error {
			upstreams, err := upstreamsHoldings(c, known)
			found = append(found, upstreams...)
			return err
		})
	}
	if err != nil {
		return found, fmt.Errorf("look for spoof-checks: %w", err)
	}
	return found, nil
}

func upstreamsHoldings(c *nft.Conn, known []owner.Attachment) ([]plugin.Holding, error) {
	owners := map[string]owner.Attachment{}
	for _, a := range known {
		_, _, comment := upstream(a)
		owners[comment] = a
	}
	rules, err := c.Rules(upstreamsTable(), link.SpoofChain)
	var found []plugin.Holding
	for _, r := range rules {
		if a, ok := owners[r.Comment]; ok {
			found = append(found, plugin.Holding{Attachment: a, Kind: kind, What: "nftables, of containernetworking/plugins"})
		} else if _, id, ok := strings.Cut(r.Comment, "macspoofchk-"); ok {
			found = append(found, plugin.Holding{Attachment: owner.Attachment{ContainerID: id}, Kind: kind, What: "nftables, of containernetworking/plugins"})
		}
	}
	return found, err
}
