package portmap

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/owner"
)

// viaIPTables maps ports with iptables, in upstream's chains and with upstream's
// rules, which other programs read:
//
//	-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
//	-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
//	-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
//	-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"net\" id: \"cid\"" -m multiport --dports 8080 -j CNI-DN-585d28ce8970197b5e327
//	-A CNI-DN-585d28ce8970197b5e327 -s 10.50.0.0/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK
//	-A CNI-DN-585d28ce8970197b5e327 -s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK
//	-A CNI-DN-585d28ce8970197b5e327 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.50.0.2:80
//	-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
//	-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000
//
// The first attachment to have a port is in front, and so gets its packets.
//
// Upstream puts all marks into the same two chains, so that a packet gets all of
// them. Here a mark that is not the chains' own gets a pair for itself, whose
// names end with the number of its bit.
type viaIPTables struct{}

const natTable = "nat"

func allFamilies() []iptables.Family { return []iptables.Family{iptables.IPv4, iptables.IPv6} }

func (t target) protocolFamily() iptables.Family { return iptables.Family(t.isIPv6()) }

func (viaIPTables) add(f, old *forward, _ []*forward) error {
	targets := f.targets()
	// Nearly always the chain is new, and what it needs is there.
	if old == nil && !f.first {
		targets = addAssuming(targets)
	}
	var txs []*iptables.Transaction
	for _, t := range targets {
		tx, err := t.correction()
		if err != nil {
			return err
		}
		txs = append(txs, tx)
	}
	if old != nil {
		txs = append(txs, goneFamilies(f, old)...)
	}
	return errors.Join(iptables.Apply(txs...)...)
}

// addAssuming adds the chains of those targets that may have all that they need
// there, and returns those that it has not added.
func addAssuming(targets []target) []target {
	var (
		txs    []*iptables.Transaction
		tried  []target
		failed []target
	)
	for _, t := range targets {
		if t.mayHaveTop() {
			txs, tried = append(txs, t.addition()), append(tried, t)
		} else {
			failed = append(failed, t)
		}
	}
	for i, err := range iptables.Apply(txs...) {
		if err != nil {
			failed = append(failed, tried[i])
		}
	}
	return failed
}

// mayHaveTop reports whether the jumps from the table's own chains may be there. They
// are not after a flush. If they cannot be looked for, it is tried without.
func (t target) mayHaveTop() bool {
	var jumps []iptables.Jump
	for _, r := range t.wanted(iptables.Contents{}).top() {
		if strings.HasPrefix(r.Rule.Target(), "CNI-") {
			jumps = append(jumps, iptables.Jump{From: r.Chain, To: r.Rule.Target()})
		}
	}
	may, err := iptables.MayJump(t.protocolFamily(), natTable, jumps...)
	return may || err != nil
}

// mayBeThere reports whether the target's own chain may be in use.
func (t target) mayBeThere() bool {
	may, err := iptables.MayJump(t.protocolFamily(), natTable,
		iptables.Jump{From: "PREROUTING", To: dnatChain}, iptables.Jump{From: dnatChain, To: t.Chain})
	return may || err != nil
}

// addition adds the target's chain, if all that it needs is there, and fails
// otherwise.
func (t target) addition() *iptables.Transaction {
	d := newDraft(t.protocolFamily(), iptables.Contents{})
	w := t.wanted(d.Contents)
	for _, r := range w.top() {
		d.tx.Require(r.Chain, r.Rule)
	}
	w.addChain(d)
	return d.tx
}

// correction makes of what there is what there has to be.
func (t target) correction() (*iptables.Transaction, error) {
	have, err := iptables.Read(t.protocolFamily(), natTable)
	if err != nil {
		return nil, err
	}
	d := newDraft(t.protocolFamily(), have)
	t.correct(d)
	return d.tx, nil
}

// goneFamilies removes what an attachment had in a family that it has no longer.
func goneFamilies(f, old *forward) []*iptables.Transaction {
	var txs []*iptables.Transaction
	for _, t := range old.targets() {
		if !slices.ContainsFunc(f.targets(), func(u target) bool { return u.isIPv6() == t.isIPv6() }) {
			txs = append(txs, t.removal())
		}
	}
	return txs
}

// removal removes what the record says.
func (t target) removal() *iptables.Transaction {
	tx := &iptables.Transaction{Family: t.protocolFamily(), Table: natTable}
	for _, jump := range t.jumps() {
		tx.Delete(dnatChain, jump)
	}
	tx.DeleteChain(t.Chain)
	return tx
}

// remove removes what the record says, as far as it is there.
func (viaIPTables) remove(f *forward) error {
	if !iptables.Installed() {
		return nil
	}
	var (
		txs  []*iptables.Transaction
		look []iptables.Family
		errs []error
	)
	for _, t := range f.targets() {
		if t.mayBeThere() {
			txs = append(txs, t.removal())
		} else {
			look = append(look, t.protocolFamily())
		}
	}
	// Both at once: each waits for an RCU grace period.
	for i, err := range iptables.Apply(txs...) {
		if err != nil {
			look = append(look, txs[i].Family)
		}
	}
	for _, family := range look {
		errs = append(errs, removeChains(family, []string{f.Chain}))
	}
	return errors.Join(errs...)
}

// removeUnrecorded removes what upstream made, also in a form that it has given
// up: chains that masquerade.
func (viaIPTables) removeUnrecorded(a owner.Attachment) error {
	if !iptables.Installed() {
		return nil
	}
	names := []string{a.ChainName("SN-")}
	for _, chain := range chains(a) {
		taken, err := readFile(chain)
		if err != nil {
			return err
		}
		if taken == nil {
			names = append(names, chain)
		}
	}
	var errs []error
	for _, f := range allFamilies() {
		may, err := iptables.MayHave(f, natTable, names...)
		if err == nil && may {
			err = removeChains(f, names)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// attempts is how often a change is tried anew after somebody, who knows no lock,
// changed the same things between the look and the change.
const attempts = 10

// removeChains removes the chains, as far as they are there, and what leads to
// them.
func removeChains(f iptables.Family, chains []string) error {
	for n := 1; ; n++ {
		have, err := iptables.Read(f, natTable)
		if err != nil {
			return err
		}
		d := newDraft(f, have)
		for _, chain := range chains {
			d.removeChain(chain)
		}
		err = errors.Join(iptables.Apply(d.tx)...)
		if err == nil || n == attempts {
			return err
		}
	}
}

func (viaIPTables) collect(network string, valid []owner.Attachment) error {
	if !iptables.Installed() {
		return nil
	}
	keep := map[string]bool{}
	for _, a := range valid {
		for _, chain := range chains(a) {
			keep[chain] = true
		}
	}
	var errs []error
	for _, f := range allFamilies() {
		rules, _, err := iptables.List(f, natTable, dnatChain)
		var stale []string
		for _, r := range rules {
			chain := r.Rule.Target()
			if isOfNetwork(r.Rule.Comment(), network) && strings.HasPrefix(chain, "CNI-"+chainInfix) && !keep[chain] {
				stale = append(stale, chain)
			}
		}
		if len(stale) > 0 {
			// For each protocol there is a rule that leads to the chain.
			slices.Sort(stale)
			err = errors.Join(err, removeChains(f, slices.Compact(stale)))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// isOfNetwork reports whether a comment names the network.
func isOfNetwork(comment, network string) bool {
	return strings.HasPrefix(comment, fmt.Sprintf("dnat name: %q id: ", network))
}

func (viaIPTables) available() error {
	if !iptables.Installed() {
		return errors.New("iptables is not installed")
	}
	return nil
}
