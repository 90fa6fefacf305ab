package nft

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/restored"
)

// Attributes that golang.org/x/sys/unix lacks (linux/netfilter/nf_tables.h).
const (
	attrTableUserData = 6
	attrChainUserData = 12
)

// exclusive makes it an error, EEXIST, to add what exists.
const exclusive = unix.NLM_F_CREATE | unix.NLM_F_EXCL

// Transaction is a list of changes, to be made by Conn.Apply. Its zero value is
// empty.
type Transaction struct {
	// Generation is what Conn.Generation returned. If it is not 0, and anybody
	// changed anything since, Apply changes nothing and returns ERESTART.
	Generation uint32

	messages []message
	// deleted are the elements that messages delete.
	deleted []place
	// made is how many rules and elements they make.
	made int
}

// Len returns the number of changes.
func (t *Transaction) Len() int { return len(t.messages) }

func (t *Transaction) add(m message, table Table, fill func(*attributes)) {
	t.messages = append(t.messages, m.about(table, fill))
}

// AddTable makes a table, which must not exist.
func (t *Transaction) AddTable(table Table) {
	t.add(message{kind: unix.NFT_MSG_NEWTABLE, flags: exclusive, what: fmt.Sprintf("add table %s", table)}, table, func(a *attributes) {
		a.text(unix.NFTA_TABLE_NAME, table.Name)
		a.uint32(unix.NFTA_TABLE_FLAGS, 0)
		if table.Comment != "" {
			a.bytes(attrTableUserData, commentData(commentType, table.Comment))
		}
	})
}

// DeleteTable deletes a table with all that it holds.
func (t *Transaction) DeleteTable(table Table) {
	t.add(message{kind: unix.NFT_MSG_DELTABLE, what: fmt.Sprintf("delete table %s", table)}, table, func(a *attributes) {
		a.text(unix.NFTA_TABLE_NAME, table.Name)
	})
}

// AddChain makes a chain, which must not exist.
func (t *Transaction) AddChain(table Table, c Chain) {
	t.add(message{kind: unix.NFT_MSG_NEWCHAIN, flags: exclusive, what: fmt.Sprintf("add chain %s %s", table, c.Name)}, table, func(a *attributes) {
		chainName(a, table, c.Name)
		if c.Base != nil {
			c.Base.encode(a)
		}
		if c.Comment != "" {
			a.bytes(attrChainUserData, commentData(commentType, c.Comment))
		}
	})
}

func (b *Base) encode(a *attributes) {
	a.nest(unix.NFTA_CHAIN_HOOK, func(a *attributes) {
		a.uint32(unix.NFTA_HOOK_HOOKNUM, b.Hook)
		a.uint32(unix.NFTA_HOOK_PRIORITY, uint32(b.Priority))
	})
	policy := Accept
	if b.Drop {
		policy = Drop
	}
	a.uint32(unix.NFTA_CHAIN_POLICY, uint32(policy.code))
	a.text(unix.NFTA_CHAIN_TYPE, b.Type)
}

// DeleteChain deletes a chain with its rules. Nothing may jump to it any longer.
func (t *Transaction) DeleteChain(table Table, chain string) {
	t.add(message{kind: unix.NFT_MSG_DELCHAIN, what: fmt.Sprintf("delete chain %s %s", table, chain)}, table, func(a *attributes) {
		chainName(a, table, chain)
	})
}

// AddRule puts a rule at the end of a chain.
func (t *Transaction) AddRule(table Table, chain string, r Rule) {
	what := fmt.Sprintf("add rule to chain %s %s", table, chain)
	t.made++
	t.add(message{kind: unix.NFT_MSG_NEWRULE, flags: unix.NLM_F_CREATE | unix.NLM_F_APPEND, what: what}, table, func(a *attributes) {
		ruleChain(a, table, chain)
		a.nest(unix.NFTA_RULE_EXPRESSIONS, func(a *attributes) {
			for _, e := range r.Exprs {
				a.nest(unix.NFTA_LIST_ELEM, e.encode)
			}
		})
		if r.Comment != "" {
			a.bytes(unix.NFTA_RULE_USERDATA, commentData(commentType, r.Comment))
		}
	})
}

// DeleteRule deletes a rule that was found in the chain.
func (t *Transaction) DeleteRule(table Table, chain string, handle uint64) {
	what := fmt.Sprintf("delete rule %d of chain %s %s", handle, table, chain)
	t.add(message{kind: unix.NFT_MSG_DELRULE, what: what}, table, func(a *attributes) {
		ruleChain(a, table, chain)
		a.uint64(unix.NFTA_RULE_HANDLE, handle)
	})
}

func chainName(a *attributes, table Table, chain string) {
	a.text(unix.NFTA_CHAIN_TABLE, table.Name)
	a.text(unix.NFTA_CHAIN_NAME, chain)
}

func ruleChain(a *attributes, table Table, chain string) {
	a.text(unix.NFTA_RULE_TABLE, table.Name)
	a.text(unix.NFTA_RULE_CHAIN, chain)
}

// Apply makes all changes, or none of them if it returns an error. The error
// names the change that is at fault and wraps its errno: EEXIST where something
// to be added is there already, ENOENT where something named is not, EBUSY where
// something to be deleted is in use.
//
// Elements whose deletion is all that there is expire, where the kernel can do that: see
// Close.
func (c *Conn) Apply(t *Transaction) error {
	if len(t.messages) == 0 {
		return nil
	}
	if expired, err := c.expire(t); expired || err != nil {
		return err
	}
	if slices.ContainsFunc(t.messages, message.deletes) {
		return c.delete(func() error { return c.apply(t) })
	}
	return c.apply(t)
}

func (c *Conn) apply(t *Transaction) error {
	begin := message{kind: unix.NFNL_MSG_BATCH_BEGIN, resource: unix.NFNL_SUBSYS_NFTABLES}
	if t.Generation != 0 {
		begin.body.uint32(unix.NFNL_BATCH_GENID, t.Generation)
	}
	batch := append([]message{begin}, t.messages...)
	// The kernel acknowledges the last change behind the errors of all, so that
	// one reply tells how it went.
	batch[len(batch)-1].flags |= unix.NLM_F_ACK
	batch = append(batch, message{kind: unix.NFNL_MSG_BATCH_END, resource: unix.NFNL_SUBSYS_NFTABLES})
	first, err := c.send(batch...)
	if err != nil {
		return fmt.Errorf("send transaction of %d changes: %w", len(t.messages), err)
	}
	result, err := c.result(first)
	if err != nil {
		return fmt.Errorf("receive result of transaction: %w", err)
	}
	err = batchError(batch, result.sequence-first, result.errno)
	if err == nil {
		restored.Rules(t.made)
	}
	return err
}

// result returns the first reply to a transaction, and takes those behind it, which are
// errors as well, out of the socket. If there are very many, that has no room for all
// (ENOBUFS), and for none of later ones until it is empty.
func (c *Conn) result(first uint32) (reply, error) {
	var found []reply
	flags := 0
	for {
		replies, err := c.receive(first, flags)
		found = append(found, replies...)
		if len(found) > 0 || errors.Is(err, unix.ENOBUFS) {
			flags = unix.MSG_DONTWAIT
		}
		switch {
		case len(found) > 0 && (found[0].errno == 0 || errors.Is(err, unix.EAGAIN)):
			return found[0], nil
		case err != nil && !errors.Is(err, unix.ENOBUFS):
			return reply{}, err
		}
	}
}

// deletes reports whether the message deletes something.
func (m message) deletes() bool {
	switch m.kind &^ (unix.NFNL_SUBSYS_NFTABLES << 8) {
	case unix.NFT_MSG_DELTABLE, unix.NFT_MSG_DELCHAIN, unix.NFT_MSG_DELRULE, unix.NFT_MSG_DELSET, unix.NFT_MSG_DELSETELEM:
		return true
	}
	return false
}

func batchError(batch []message, index uint32, errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	// Of a failed commit and of missing privileges the kernel tells in the name
	// of the whole batch.
	what := "apply transaction"
	if index > 0 && int(index) < len(batch)-1 {
		what = batch[index].what
	}
	return fmt.Errorf("%s: %w", what, errno)
}
