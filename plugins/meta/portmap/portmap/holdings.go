package portmap

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/plugin"
)

const kind = "ports"

// holdings returns what records tell, and what there is without a record, as upstream makes
// it.
func holdings([]owner.Attachment) ([]plugin.Holding, error) {
	all, err := records()
	var found []plugin.Holding
	recorded, chains := map[string]bool{}, map[string]bool{}
	for _, f := range all {
		recorded[f.Prefix()], chains[f.Chain] = true, true
		found = append(found, plugin.Holding{
			Attachment: f.Attachment, Kind: kind, What: fmt.Sprintf("%s, %s", f.ports(), f.Backend), Gone: f.Sandbox.IsGone(),
		})
	}
	byIPTables := iptables.Look(natTable, func(t *iptables.Table) error {
		for _, r := range t.Rules(dnatChain) {
			comment, _ := strings.CutPrefix(r.Comment(), "dnat ")
			if a, ok := owner.OfComment(comment); ok && !chains[r.Target()] {
				found = append(found, plugin.Holding{Attachment: a, Kind: kind, What: fmt.Sprintf("chain %s, iptables, of containernetworking/plugins", r.Target())})
			}
		}
		return nil
	})
	byNFTables, errNFT := nftHoldings(recorded)
	return append(found, byNFTables...), errors.Join(err, byIPTables, errNFT)
}

// ports lists the mappings: "8080 to 80/tcp".
func (f *forward) ports() string {
	texts := make([]string, len(f.Mappings))
	for i, m := range f.Mappings {
		texts[i] = fmt.Sprintf("%s to %d/%s", m.hostPorts(), m.ContainerPort, strings.ToLower(m.Protocol))
	}
	return strings.Join(texts, " ")
}

// hostPorts names the ports of the host, with its address if there is one.
func (m mapping) hostPorts() string {
	if m.HostIP != "" {
		return "[" + m.HostIP + "]:" + m.ports("-")
	}
	return m.ports("-")
}

// nftHoldings returns what nftables has without a record.
func nftHoldings(recorded map[string]bool) ([]plugin.Holding, error) {
	var found []plugin.Holding
	seen := map[string]bool{}
	errs := []error{nft.WithTable(table(), func(c *nft.Conn) error {
		sets, err := c.Sets(table())
		for _, set := range sets {
			elements, errSet := c.Elements(table(), set)
			for _, e := range elements {
				prefix := e.Comment[:min(owner.PrefixLen, len(e.Comment))]
				if owner.IsTag(e.Comment) && !recorded[prefix] && !seen[prefix] {
					seen[prefix] = true
					found = append(found, plugin.Tagged(e.Comment, kind, "nftables, without a record"))
				}
			}
			err = errors.Join(err, errSet)
		}
		return err
	})}
	for _, family := range []nft.Family{nft.IPv4, nft.IPv6} {
		errs = append(errs, nft.WithTable(upstreamsTable(family), func(c *nft.Conn) error {
			rules, err := upstreams(c, family)
			for _, r := range rules {
				if seen[r.Comment] {
					continue
				}
				seen[r.Comment] = true
				address, _ := netip.AddrFromSlice(r.container())
				found = append(found, plugin.Holding{
					Attachment: owner.Attachment{ContainerID: r.Comment}, Address: address.Unmap(), Kind: kind, What: "nftables, of containernetworking/plugins",
				})
			}
			return err
		}))
	}
	return found, errors.Join(errs...)
}
