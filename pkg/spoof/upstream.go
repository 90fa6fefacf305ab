package spoof

import (
	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/link"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/owner"
)

// Upstream has a link.SpoofChecker for each port: two chains and a rule that
// leads to them. Their names have the container and the interface, but not the
// network. An ADD makes none of them here, but DEL and CHECK know them.

func upstreamsTable() nft.Table { return nft.Table{Family: nft.Bridge, Name: link.SpoofTable} }

// upstream returns upstream's names for what an attachment has.
func upstream(a owner.Attachment) (chain, macChain, comment string) {
	return link.SpoofNames(a.ContainerID + "-" + a.IfName)
}

// fits reports whether the kernel takes the name: with a longer one, the name of
// a container being free, upstream has made nothing.
func fits(chain string) bool { return len(chain) < unix.NFT_NAME_MAXLEN }

// removeUpstreams removes what upstream made for the attachment. All rules are
// listed only if that is something.
func removeUpstreams(c *nft.Conn, tx *nft.Transaction, a owner.Attachment) error {
	chain, macChain, comment := upstream(a)
	if !fits(macChain) {
		return nil
	}
	exists, err := c.HasChain(upstreamsTable(), chain)
	if err != nil || !exists {
		return err
	}
	rules, err := c.Rules(upstreamsTable(), link.SpoofChain)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if r.Comment == comment {
			tx.DeleteRule(upstreamsTable(), link.SpoofChain, r.Handle)
		}
	}
	tx.DeleteChain(upstreamsTable(), chain)
	exists, err = c.HasChain(upstreamsTable(), macChain)
	if exists {
		tx.DeleteChain(upstreamsTable(), macChain)
	}
	return err
}

// hasUpstreams reports whether the attachment's port is checked by upstream's
// rules.
func hasUpstreams(c *nft.Conn, a owner.Attachment) (bool, error) {
	chain, macChain, comment := upstream(a)
	if !fits(macChain) {
		return false, nil
	}
	for name, want := range map[string]int{link.SpoofChain: 1, chain: 1, macChain: 2} {
		rules, err := c.Rules(upstreamsTable(), name)
		if err != nil {
			return false, err
		}
		for _, r := range rules {
			if r.Comment == comment {
				want--
			}
		}
		if want > 0 {
			return false, nil
		}
	}
	return true, nil
}
