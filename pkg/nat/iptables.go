package nat

import (
	"errors"
	"fmt"
	"net"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/owner"
)

// viaIPTables masquerades with iptables, in a chain of upstream's name:
//
//	-A POSTROUTING -s 10.88.0.5/32 -m comment --comment "name: \"net\" id: \"cid\"" -j CNI-2bbe0c48b91a7d1b8a6753a8
//	-A CNI-2bbe0c48b91a7d1b8a6753a8 -d 10.88.0.0/16 -m comment --comment "name: \"net\" id: \"cid\" if: \"eth0\" ip: 10.88.0.5" -j ACCEPT
//	-A CNI-2bbe0c48b91a7d1b8a6753a8 ! -d 224.0.0.0/4 -m comment --comment "name: \"net\" id: \"cid\"" -j MASQUERADE
//
// The rules are upstream's but for the end of the second comment. The chain's
// name lacks the interface, so that all attachments of a container to one
// network share it; the comment tells whose address each is, and so makes DEL
// find them, and leave those of others alone. Upstream's DEL takes the jump by
// its text, which is the same, and the chain with whatever it has.
type viaIPTables struct{}

func (viaIPTables) Add(a owner.Attachment, addresses []*net.IPNet, o Options) error {
	var (
		wanted []masqueraded
		txs    []*iptables.Transaction
	)
	for _, f := range families() {
		m := masqueraded{Attachment: a, family: f, addresses: ofFamily(addresses, f), options: o}
		if len(m.addresses) == 0 {
			continue
		}
		// Nearly always the chain is new. If not, nothing of this is made.
		wanted, txs = append(wanted, m), append(txs, m.anew())
	}
	errs := iptables.Apply(txs...)
	for i, err := range errs {
		if err == nil {
			continue
		}
		if errs[i] = wanted[i].join(err); errs[i] != nil {
			errs[i] = fmt.Errorf("masquerade: %w", errs[i])
		}
	}
	return errors.Join(errs...)
}

// anew returns the changes for a chain that is not there.
func (m masqueraded) anew() *iptables.Transaction {
	tx := newTransaction(m.family)
	tx.NewChain(m.chain())
	m.fill(tx, false)
	return tx
}

// join adds the rules to a chain that there is already, of another interface of
// the container or of an earlier ADD. If there is none, the first attempt failed
// with reason, which may be that somebody flushed the table beside it.
func (m masqueraded) join(reason error) error {
	for n := 1; ; n++ {
		st, err := readState(m.family, m.chain(), listJumps)
		if err != nil {
			return errors.Join(reason, err)
		}
		if !st.exists && n > 1 {
			return reason
		}
		tx := m.anew()
		if st.exists {
			tx = newTransaction(m.family)
			st.replace(tx, []masqueraded{m})
		}
		err = errors.Join(iptables.Apply(tx)...)
		if err == nil || n == attempts {
			return err
		}
		reason = err
	}
}

func (viaIPTables) Del(a owner.Attachment) error {
	if !iptables.Installed() {
		return nil
	}
	var (
		errs []error
		txs  []*iptables.Transaction
	)
	for _, f := range families() {
		tx, err := removal(f, a, knownJumps)
		errs, txs = append(errs, err), append(txs, tx)
	}
	// Both at once: each waits for an RCU grace period.
	for i, err := range iptables.Apply(txs...) {
		if err != nil {
			errs[i] = delAgain(txs[i].Family, a)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove masquerade: %w", err)
	}
	return nil
}

// removal returns the changes that remove what the attachment has.
func removal(f iptables.Family, a owner.Attachment, jumps jumpsFrom) (*iptables.Transaction, error) {
	tx := newTransaction(f)
	st, err := readState(f, a.ChainName(""), jumps)
	if err == nil {
		st.remove(tx, st.of(a))
	}
	return tx, err
}

// delAgain removes what is really there, after an attempt to remove what should
// have been there: a jump may be missing, or there is one more.
func delAgain(f iptables.Family, a owner.Attachment) error {
	for n := 2; ; n++ {
		tx, err := removal(f, a, listJumps)
		if err != nil {
			return err
		}
		err = errors.Join(iptables.Apply(tx)...)
		if err == nil || n == attempts {
			return err
		}
	}
}

func (viaIPTables) GC(network string, valid []owner.Attachment) error {
	if !iptables.Installed() {
		return nil
	}
	var errs []error
	for _, f := range families() {
		if err := collect(f, network, valid); err != nil {
			errs = append(errs, fmt.Errorf("remove masquerade: %w", err))
		}
	}
	return errors.Join(errs...)
}

func collect(f iptables.Family, network string, valid []owner.Attachment) error {
	for n := 1; ; n++ {
		rules, err := iptables.Save(f, table)
		if err != nil {
			return err
		}
		tx := newTransaction(f)
		for containerID, st := range statesOf(network, rules) {
			st.remove(tx, notOf(containerID, valid))
		}
		err = errors.Join(iptables.Apply(tx)...)
		if err == nil || n == attempts {
			return err
		}
	}
}

func (viaIPTables) Available() error {
	if !iptables.Installed() {
		return errors.New("iptables is not installed")
	}
	return nil
}

func (viaIPTables) Check(a owner.Attachment, addresses []*net.IPNet) error {
	var missing []*net.IPNet
	for _, f := range families() {
		wanted := ofFamily(addresses, f)
		if len(wanted) == 0 {
			continue
		}
		st, err := readState(f, a.ChainName(""), listJumps)
		if err != nil {
			return fmt.Errorf("check masquerade: %w", err)
		}
		for _, address := range wanted {
			if !st.masquerades(address) {
				missing = append(missing, address)
			}
		}
	}
	return notMasqueraded(missing)
}
