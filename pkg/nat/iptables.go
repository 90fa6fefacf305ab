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
		tx, err := m.addition(readState)
		if err != nil {
			return fmt.Errorf("masquerade: %w", err)
		}
		wanted, txs = append(wanted, m), append(txs, tx)
	}
	errs := iptables.Apply(txs...)
	for i, err := range errs {
		if err == nil {
			continue
		}
		if errs[i] = wanted[i].addAgain(err); errs[i] != nil {
			errs[i] = fmt.Errorf("masquerade: %w", errs[i])
		}
	}
	return errors.Join(errs...)
}

// addition returns the changes that the chain needs. Nearly always there is none,
// which is seen without a process. Otherwise it is of another interface of the
// container or of an earlier ADD.
func (m masqueraded) addition(read func(iptables.Family, string) (*chainState, error)) (*iptables.Transaction, error) {
	tx := newTransaction(m.family)
	st, err := read(m.family, m.chain())
	switch {
	case err != nil:
		return nil, err
	case st.exists:
		st.replace(tx, []masqueraded{m})
	default:
		tx.NewChain(m.chain())
		m.fill(tx, false)
	}
	return tx, nil
}

// addAgain adds the rules after an attempt that failed with reason: the chain may have
// come or gone since it was looked at, or its jumps not be what was assumed.
func (m masqueraded) addAgain(reason error) error {
	for n := 2; ; n++ {
		tx, err := m.addition(readExactly)
		if err != nil {
			return errors.Join(reason, err)
		}
		reason = errors.Join(iptables.Apply(tx)...)
		if reason == nil || n == attempts {
			return reason
		}
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
		tx, err := removal(f, a, readState)
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
func removal(f iptables.Family, a owner.Attachment, read func(iptables.Family, string) (*chainState, error)) (*iptables.Transaction, error) {
	tx := newTransaction(f)
	st, err := read(f, a.ChainName(""))
	if err == nil {
		st.remove(tx, st.of(a))
	}
	return tx, err
}

// delAgain removes what is really there, after an attempt to remove what should
// have been there: a jump may be missing, or there is one more.
func delAgain(f iptables.Family, a owner.Attachment) error {
	for n := 2; ; n++ {
		tx, err := removal(f, a, readExactly)
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
		st, err := readExactly(f, a.ChainName(""))
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
