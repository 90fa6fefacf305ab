package nft

import "golang.org/x/sys/unix"

// FoundBase is a base chain that is there.
type FoundBase struct {
	Table Table
	Chain string
	Base
}

// Bases returns the base chains of all tables that this network namespace has, of whatever
// family. Its cost grows with the number of all chains.
func (c *Conn) Bases() ([]FoundBase, error) {
	replies, err := c.replies(message{kind: unix.NFT_MSG_GETCHAIN, flags: unix.NLM_F_DUMP, what: "list chains"}.about(Table{}, func(*attributes) {}))
	var found []FoundBase
	for _, r := range replies {
		hook := r.body.first(unix.NFTA_CHAIN_HOOK)
		if hook == nil {
			continue
		}
		found = append(found, FoundBase{
			Table: Table{Family: r.family, Name: text(r.body.first(unix.NFTA_CHAIN_TABLE))},
			Chain: text(r.body.first(unix.NFTA_CHAIN_NAME)),
			Base: Base{
				Type:     text(r.body.first(unix.NFTA_CHAIN_TYPE)),
				Hook:     uint32(hook.first(unix.NFTA_HOOK_HOOKNUM).number()),
				Priority: int32(hook.first(unix.NFTA_HOOK_PRIORITY).number()),
				Drop:     uint32(r.body.first(unix.NFTA_CHAIN_POLICY).number()) == uint32(Drop.code),
			},
		})
	}
	return found, err
}
