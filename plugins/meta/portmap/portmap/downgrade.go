package portmap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/plugin"
	"github.com/containernetworking/plugins/pkg/record"
)

// downgrade gives what attachments with a record have the form of upstream's, so that
// upstream's DEL finds it, and forgets the records.
func downgrade(args []string) error {
	if err := plugin.NoArguments(args); err != nil {
		return err
	}
	if !hasRecords() {
		plugin.Downgraded(0, 0)
		return nil
	}
	return record.Repairing(directory, func() error { return locked(downgradeRecorded) })
}

// downgradeRecorded does so with every backend. The caller has locked.
func downgradeRecorded() error {
	all, err := records()
	if err != nil {
		return err
	}
	living, err := bury(all)
	if err != nil {
		return err
	}
	for _, b := range backends() {
		if err := b.downgrade(living); err != nil {
			return err
		}
	}
	for _, f := range living {
		if err := f.forget(); err != nil {
			return err
		}
	}
	if err := record.Remove(claimsPath()); err != nil {
		return err
	}
	plugin.Downgraded(len(living), len(all)-len(living))
	return nil
}

// downgrade gives upstream's name to the chains that have another one, since an interface
// of the same container had it first. Where that still has it, both are in one chain, as
// upstream's ADD makes it.
func (viaIPTables) downgrade(all []*forward) error {
	others := slices.DeleteFunc(ofBackend(all, backendIPTables), func(f *forward) bool { return f.Chain == upstreamsChain(f) })
	wants := func(family iptables.Family) bool {
		return slices.ContainsFunc(others, func(f *forward) bool { _, has := f.inFamily(family); return has })
	}
	return iptables.ChangeEach(natTable, wants, func(table *iptables.Table) error {
		for _, f := range others {
			renamed := *f
			renamed.Chain = upstreamsChain(f)
			if t, has := renamed.inFamily(table.Family); has && table.HasChain(f.Chain) {
				t.wanted(table).join()
				removeChain(table, f.Chain)
			}
		}
		return nil
	})
}

// upstreamsChain returns the name of the only chain that upstream looks for.
func upstreamsChain(f *forward) string { return chains(f.Attachment)[0] }

// join adds the rules to a chain that others may have, too.
func (w wanted) join() {
	if !w.table.HasChain(w.Chain) {
		w.table.NewChain(w.Chain)
	}
	for _, r := range w.rules() {
		w.table.Append(w.Chain, r)
	}
	for _, r := range w.jumps() {
		w.table.Append(dnatChain, r)
	}
}

// downgrade makes upstream's rules, and then removes the table: a packet that is looked up
// may see the one table as it was and the other one as it will be.
func (viaNFTables) downgrade(all []*forward) error {
	mine := ofBackend(all, backendNFTables)
	if len(mine) == 0 {
		return nil
	}
	c, err := nft.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	// An earlier downgrade may have been cut off.
	lacking := slices.DeleteFunc(mine, func(f *forward) bool { return f.checkUpstreams(c) == nil })
	if len(lacking) > 0 {
		if err := runNFT(upstreamsScript(lacking)); err != nil {
			return err
		}
	}
	return c.Change(func(tx *nft.Transaction) error { return removeTable(c, tx) })
}

// removeTable removes all but the guard, which stays as route_localnet does.
func removeTable(c *nft.Conn, tx *nft.Transaction) error {
	inUse, err := c.HasChain(table(), hostports)
	if err != nil || !inUse {
		return err
	}
	guarded, err := c.HasChain(table(), guardChain)
	if err != nil {
		return err
	}
	tx.DeleteTable(table())
	if guarded {
		tx.AddTable(table())
		tx.AddChain(table(), guardBase())
		for _, r := range guardRules() {
			tx.AddRule(table(), guardChain, r)
		}
	}
	return nil
}

// upstreamsScript makes upstream's rules, for nft(8).
func upstreamsScript(all []*forward) string {
	var script strings.Builder
	for _, t := range families() {
		if slices.ContainsFunc(all, t.isFamilyOf) {
			script.WriteString(t.upstreamsChains())
		}
	}
	// Conditions come first, as they did.
	for _, conditional := range []bool{true, false} {
		for _, f := range all {
			for _, t := range f.targets() {
				if (len(t.conditions()) > 0) == conditional {
					script.WriteString(t.upstreamsRules())
				}
			}
		}
	}
	return script.String()
}

// isFamilyOf reports whether an attachment has an address of the family.
func (t target) isFamilyOf(f *forward) bool {
	_, has := f.inFamily(t.protocolFamily())
	return has
}

// upstreamsChains are those that all of upstream's attachments share. The chain
// hostip_hostports is from an earlier release, and empty.
func (t target) upstreamsChains() string {
	return strings.ReplaceAll(`
table FAMILY cni_hostport {
	comment "CNI portmap plugin"
	chain hostports {}
	chain hostip_hostports {}
	chain hostports_all {}
	chain prerouting { type nat hook prerouting priority -100; }
	chain output { type nat hook output priority -100; }
	chain masquerading { type nat hook postrouting priority 100; }
}
flush chain FAMILY cni_hostport hostports_all
flush chain FAMILY cni_hostport prerouting
flush chain FAMILY cni_hostport output
add rule FAMILY cni_hostport hostports_all jump hostip_hostports
add rule FAMILY cni_hostport hostports_all jump hostports
add rule FAMILY cni_hostport prerouting fib daddr type local jump hostports_all
add rule FAMILY cni_hostport output fib daddr type local jump hostports_all
`, "FAMILY", t.nft().String())
}

// upstreamsRules are those of the target, which have the container as their comment.
// Mappings of one address come before those of all, as they did. Where upstream would
// have conditions for all containers in front, the rules have them, and where it hides
// the container's address from itself, they hide that of its subnet.
func (t target) upstreamsRules() string {
	var one, all, masquerades strings.Builder
	rule := func(script *strings.Builder, chain string, format string, args ...any) {
		fmt.Fprintf(script, "add rule %s cni_hostport %s %s comment %q\n", t.nft(), chain, fmt.Sprintf(format, args...), t.ContainerID)
	}
	conditions := strings.Join(t.conditions(), " ")
	for _, m := range t.mappings() {
		script, match := &all, conditions
		if host := m.address(); host != nil {
			script, match = &one, fmt.Sprintf("%s %s daddr %s", conditions, t.nft(), host)
		}
		for i := range m.count() {
			port := m.at(i)
			rule(script, hostports, "%s %s dport %d dnat to %s", match, port.Protocol, port.HostPort, t.destination(port))
		}
	}
	if len(t.mappings()) > 0 {
		for _, source := range t.sources() {
			rule(&masquerades, "masquerading", "ct status dnat %[1]s saddr %[2]s %[1]s daddr %[3]s masquerade", t.nft(), source, t.ip)
		}
	}
	return one.String() + all.String() + masquerades.String()
}
