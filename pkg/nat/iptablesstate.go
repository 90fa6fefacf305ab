package nat

import (
	"net"
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/owner"
)

// The table and chain that are iptables' own.
const (
	table     = "nat"
	sources   = "POSTROUTING"
	accept    = "ACCEPT"
	translate = "MASQUERADE"
)

func ofFamily(addresses []*net.IPNet, f iptables.Family) []*net.IPNet {
	return slices.DeleteFunc(slices.Clone(addresses), func(n *net.IPNet) bool {
		return (n.IP.To4() == nil) != (f == iptables.IPv6)
	})
}

// familiesOf tells of which families there are addresses.
func familiesOf(all []Masqueraded) func(iptables.Family) bool {
	return func(f iptables.Family) bool {
		return slices.ContainsFunc(all, func(m Masqueraded) bool { return len(ofFamily(m.Addresses, f)) > 0 })
	}
}

// masqueraded is what Add makes in one family.
type masqueraded struct {
	owner.Attachment
	family    iptables.Family
	addresses []*net.IPNet
	options   Options
}

func (m masqueraded) chain() string { return m.ChainName("") }

// spared are the networks that are excluded.
func (m masqueraded) spared() []*net.IPNet { return networksLike(m.addresses[0].IP, m.options.Exclude) }

// fill adds the rules to the chain. In one that is shared, one rule masquerades for
// all; addresses go in front of it.
func (m masqueraded) fill(t *iptables.Table, shared bool) {
	put := t.Append
	if shared {
		put = t.Insert
	}
	spared := m.spared()
	if len(spared) > 0 {
		addSpare(t, spared)
	}
	for _, address := range m.addresses {
		comment := iptables.Comment(record(m.Attachment, address.IP))
		put(m.chain(), slices.Concat([]string{"-d", subnet(address).String()}, comment, []string{"-j", accept}))
		if len(spared) > 0 {
			put(m.chain(), slices.Concat([]string{"-s", iptables.Host(address.IP)}, comment, []string{"-j", spareChain(spared)}))
		}
	}
	if !shared {
		t.Append(m.chain(), m.translation())
	}
	for _, address := range m.addresses {
		t.Append(sources, m.jump(address.IP))
	}
}

func (m masqueraded) translation() iptables.Rule {
	rule := slices.Concat([]string{"!", "-d", multicast(m.addresses[0].IP).String()}, iptables.Comment(comment(m.Attachment)), []string{"-j", translate})
	if m.options.RandomFully {
		rule = append(rule, "--random-fully")
	}
	return rule
}

// jump returns the rule that sends what comes from an address to the chain.
func (m masqueraded) jump(ip net.IP) iptables.Rule {
	return slices.Concat([]string{"-s", iptables.Host(ip)}, iptables.Comment(comment(m.Attachment)), []string{"-j", m.chain()})
}

// hasSource reports whether a jump is about one of the addresses.
func hasSource(addresses []*net.IPNet, jump iptables.Listed) bool {
	source := jump.Source()
	return source != nil && slices.ContainsFunc(addresses, func(n *net.IPNet) bool { return source.String() == iptables.Host(n.IP) })
}

// chainState is a chain as it is.
type chainState struct {
	table  *iptables.Table
	chain  string
	exists bool
	rules  []iptables.Listed
	// jumps are the rules that lead to it.
	jumps []iptables.Listed
}

func readState(t *iptables.Table, chain string) *chainState {
	st := &chainState{table: t, chain: chain, exists: t.HasChain(chain)}
	if st.exists {
		st.rules, st.jumps = t.Rules(chain), t.Jumps(sources, chain)
	}
	return st
}

// addresses returns the rules about an address: one that spares its subnet, and one that leads
// to the networks that are excluded. Earlier releases had one of the latter for all addresses,
// without a record.
func (st *chainState) addresses() []iptables.Listed {
	rules, _ := divide(st.rules, func(r iptables.Listed) bool { return r.Target() == accept || isSpare(r) && isRecorded(r) })
	return rules
}

// mine tells which of the rules about addresses, and which jumps, belong to somebody.
type mine struct{ address, jump func(iptables.Listed) bool }

// of tells what belongs to the attachment: addresses that have a record of it with
// their jumps or, if none has, those without any record. These are upstream's or, if
// the attachment's addresses are known, may be anybody's who shares the chain, and
// have lost their comments.
func (st *chainState) of(a owner.Attachment, addresses []*net.IPNet) mine {
	recorded := func(r iptables.Listed) bool {
		ifName, _, ok := parseRecord(r.Comment())
		return ok && ifName == a.IfName
	}
	switch {
	case slices.ContainsFunc(st.rules, recorded):
		return st.recorded(recorded)
	case len(addresses) > 0 && !slices.ContainsFunc(st.rules, isRecorded):
		return st.known(addresses)
	}
	return st.recorded(func(r iptables.Listed) bool { return !isRecorded(r) })
}

// recorded tells what belongs to addresses by their records. A jump to an address
// without any goes with the last of those.
func (st *chainState) recorded(address func(iptables.Listed) bool) mine {
	remove, others := divide(st.addresses(), address)
	unrecorded := slices.ContainsFunc(remove, func(r iptables.Listed) bool { return !isRecorded(r) })
	return mine{address, func(j iptables.Listed) bool {
		return isAbout(j, remove) || unrecorded && !isAbout(j, others)
	}}
}

// known tells what belongs to addresses of which there is no record: their jumps, and
// of the rules about a subnet those that no other jump needs.
func (st *chainState) known(addresses []*net.IPNet) mine {
	jump := func(j iptables.Listed) bool { return hasSource(addresses, j) }
	_, others := divide(st.jumps, jump)
	needed := map[string]int{}
	for _, j := range others {
		for _, r := range st.addresses() {
			if source, d := j.Source(), r.Destination(); source != nil && d != nil && d.Contains(source.IP) {
				needed[d.String()]++
				break
			}
		}
	}
	return mine{jump: jump, address: func(r iptables.Listed) bool {
		d := r.Destination()
		if d == nil || needed[d.String()] == 0 {
			return true
		}
		needed[d.String()]--
		return false
	}}
}

// notOf tells what belongs to no valid attachment of the container. Addresses without
// a record belong to all of its interfaces.
func (st *chainState) notOf(containerID string, valid []owner.Attachment) mine {
	return st.recorded(func(r iptables.Listed) bool {
		ifName, _, ok := parseRecord(r.Comment())
		return !slices.ContainsFunc(valid, func(a owner.Attachment) bool {
			return a.ContainerID == containerID && (!ok || a.IfName == ifName)
		})
	})
}

func isRecorded(r iptables.Listed) bool {
	_, _, ok := parseRecord(r.Comment())
	return ok
}

// isAbout reports whether one of the rules is about the address of the jump.
func isAbout(jump iptables.Listed, rules []iptables.Listed) bool {
	source := jump.Source()
	return source != nil && slices.ContainsFunc(rules, func(r iptables.Listed) bool {
		_, ip, ok := parseRecord(r.Comment())
		return ok && ip.Equal(source.IP)
	})
}

// divide returns those of the rules that are something, and the others.
func divide(rules []iptables.Listed, is func(iptables.Listed) bool) (in, out []iptables.Listed) {
	for _, r := range rules {
		if is(r) {
			in = append(in, r)
		} else {
			out = append(out, r)
		}
	}
	return in, out
}

// remove removes the addresses that are mine, and with the last of all the chain. It
// reports whether it has left the chain to others, and which chains of networks.
func (st *chainState) remove(m mine) (shared bool, spares []string) {
	if !st.exists {
		return false, nil
	}
	remove, others := divide(st.addresses(), m.address)
	if len(others) == 0 {
		st.table.Delete(sources, st.jumps...)
		st.table.DeleteChain(st.chain)
		return false, releaseSpares(st.table, st.rules)
	}
	jumps, _ := divide(st.jumps, m.jump)
	st.table.Delete(sources, jumps...)
	st.table.Delete(st.chain, remove...)
	return len(jumps)+len(remove) > 0, releaseSpares(st.table, remove)
}

// replace puts what has to be of all, who share the chain, in the place of what
// there is of it. It takes away only what it knows: an ADD for another interface may
// put its own into the chain since it was read.
func (st *chainState) replace(all []masqueraded) {
	if !st.exists {
		st.table.NewChain(st.chain)
	}
	again := slices.ContainsFunc(st.jumps, func(j iptables.Listed) bool {
		return slices.ContainsFunc(all, func(m masqueraded) bool { return hasSource(m.addresses, j) })
	})
	m := st.recorded(func(r iptables.Listed) bool {
		ifName, _, ok := parseRecord(r.Comment())
		return ok && slices.ContainsFunc(all, func(m masqueraded) bool { return m.IfName == ifName }) || !ok && again
	})
	others := slices.ContainsFunc(st.addresses(), func(r iptables.Listed) bool { return !m.address(r) })
	for i, wanted := range all {
		wanted.fill(st.table, others || i > 0)
	}
	if others && !st.translates() {
		st.table.Append(st.chain, all[0].translation())
	}
	for _, j := range st.jumps {
		if !others || m.jump(j) {
			st.table.Delete(sources, j)
		}
	}
	stale := st.rules
	if others {
		stale, _ = divide(st.addresses(), m.address)
	}
	st.table.Delete(st.chain, stale...)
	releaseSpares(st.table, stale)
}

// translates reports whether the chain masquerades anything.
func (st *chainState) translates() bool {
	return slices.ContainsFunc(st.rules, func(r iptables.Listed) bool { return r.Target() == translate })
}

// masquerades reports whether what an address sends beyond its subnet is
// masqueraded.
func (st *chainState) masquerades(address *net.IPNet) bool {
	spared := func(r iptables.Listed) bool {
		d := r.Destination()
		return r.Target() == accept && d != nil && d.String() == subnet(address).String()
	}
	jumped := func(r iptables.Listed) bool { return r.Source() != nil && r.Source().Contains(address.IP) }
	return slices.ContainsFunc(st.rules, spared) && st.translates() && slices.ContainsFunc(st.jumps, jumped)
}

// has reports whether all that fill adds is there, or what is left of it behind a
// ruleset that was written and read back.
func (st *chainState) has(m masqueraded) bool {
	recorded := func(address *net.IPNet) bool {
		return slices.ContainsFunc(st.addresses(), func(r iptables.Listed) bool {
			ifName, ip, ok := parseRecord(r.Comment())
			return r.Comment() == "" || ok && ifName == m.IfName && ip.Equal(address.IP)
		})
	}
	return st.spares(m.addresses, m.options) &&
		!slices.ContainsFunc(m.addresses, func(address *net.IPNet) bool { return !recorded(address) || !st.masquerades(address) })
}

// jumpsOf returns the rules of all attachments that lead to chains, among those of others.
func jumpsOf(t *iptables.Table) []iptables.Listed {
	if !t.MayHave("CNI-") { // with which names of chains begin
		return nil
	}
	return t.Rules(sources)
}

// containersOf returns the containers of the network that have jumps.
func containersOf(t *iptables.Table, network string) []string {
	var ids []string
	for _, r := range jumpsOf(t) {
		if id, ok := containerOf(r.Comment(), network); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
