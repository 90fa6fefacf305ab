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

func families() []iptables.Family { return []iptables.Family{iptables.IPv4, iptables.IPv6} }

func ofFamily(addresses []*net.IPNet, f iptables.Family) []*net.IPNet {
	return slices.DeleteFunc(slices.Clone(addresses), func(n *net.IPNet) bool {
		return (n.IP.To4() == nil) != (f == iptables.IPv6)
	})
}

func newTransaction(f iptables.Family) *iptables.Transaction {
	return &iptables.Transaction{Family: f, Table: table}
}

// masqueraded is what Add makes in one family.
type masqueraded struct {
	owner.Attachment
	family    iptables.Family
	addresses []*net.IPNet
	options   Options
}

func (m masqueraded) chain() string { return m.ChainName("") }

// fill adds the rules to the transaction. In a chain that is shared, one rule
// masquerades for all; addresses go in front of it.
func (m masqueraded) fill(tx *iptables.Transaction, shared bool) {
	for _, address := range m.addresses {
		rule := slices.Concat([]string{"-d", subnet(address).String()}, iptables.Comment(record(m.Attachment, address.IP)), []string{"-j", accept})
		if shared {
			tx.Insert(m.chain(), rule)
		} else {
			tx.Append(m.chain(), rule)
		}
	}
	if !shared {
		tx.Append(m.chain(), m.translation())
	}
	for _, address := range m.addresses {
		tx.Append(sources, jump(m.Attachment, address.IP))
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
func jump(a owner.Attachment, ip net.IP) iptables.Rule {
	return slices.Concat([]string{"-s", host(ip)}, iptables.Comment(comment(a)), []string{"-j", a.ChainName("")})
}

// hasSource reports whether a jump is about one of the addresses.
func (m masqueraded) hasSource(jump iptables.Rule) bool {
	source := jump.Source()
	return source != nil && slices.ContainsFunc(m.addresses, func(n *net.IPNet) bool { return source.String() == host(n.IP) })
}

func host(ip net.IP) string {
	if ip.To4() != nil {
		return ip.String() + "/32"
	}
	return ip.String() + "/128"
}

// chainState is a chain as it is.
type chainState struct {
	chain  string
	exists bool
	rules  []iptables.Rule
	// jumps are the rules that lead to it.
	jumps []iptables.Rule
}

// readState looks at a chain, with one process if its jumps are known. It takes its
// jumps from its records, and is wrong where somebody took one of them away.
func readState(f iptables.Family, chain string) (*chainState, error) {
	st := &chainState{chain: chain}
	rules, exists, err := iptables.List(f, table, chain)
	if err != nil || !exists {
		return st, err
	}
	st.exists = true
	for _, r := range rules {
		st.rules = append(st.rules, r.Rule)
	}
	may, err := iptables.MayJump(f, table, iptables.Jump{From: sources, To: chain})
	if err != nil || !may || st.deriveJumps() {
		return st, err
	}
	others, _, err := iptables.List(f, table, sources)
	for _, r := range others {
		if r.Rule.Target() == chain {
			st.jumps = append(st.jumps, r.Rule)
		}
	}
	return st, err
}

// readExactly looks at a chain and its jumps as they are, with one process, which
// reads the whole table.
func readExactly(f iptables.Family, chain string) (*chainState, error) {
	contents, err := iptables.Read(f, table)
	return stateIn(contents, chain), err
}

// deriveJumps makes the jumps up that belong to the records, and returns false
// if it cannot.
func (st *chainState) deriveJumps() bool {
	var jumps []iptables.Rule
	for _, r := range st.addresses() {
		_, ip, ok := parseRecord(r.Comment())
		original, _, _ := cutLast(r.Comment(), recordIfName)
		if !ok {
			return false
		}
		jumps = append(jumps, slices.Concat([]string{"-s", host(ip)}, iptables.Comment(original), []string{"-j", st.chain}))
	}
	st.jumps = jumps
	return len(jumps) > 0
}

// addresses returns the rules that spare the subnet of an address.
func (st *chainState) addresses() []iptables.Rule {
	return slices.DeleteFunc(slices.Clone(st.rules), func(r iptables.Rule) bool { return r.Target() != accept })
}

// of reports which addresses belong to the attachment: those that have a record
// of it or, if none has, those of upstream, which have no record at all.
func (st *chainState) of(a owner.Attachment) func(iptables.Rule) bool {
	recorded := func(r iptables.Rule) bool {
		ifName, _, ok := parseRecord(r.Comment())
		return ok && ifName == a.IfName
	}
	if slices.ContainsFunc(st.rules, recorded) {
		return recorded
	}
	return isUnrecorded
}

func isUnrecorded(r iptables.Rule) bool {
	_, _, ok := parseRecord(r.Comment())
	return !ok
}

// notOf reports which addresses of the container belong to no valid attachment.
// What has no record belongs to all interfaces of the container.
func notOf(containerID string, valid []owner.Attachment) func(iptables.Rule) bool {
	return func(r iptables.Rule) bool {
		ifName, _, ok := parseRecord(r.Comment())
		return !slices.ContainsFunc(valid, func(a owner.Attachment) bool {
			return a.ContainerID == containerID && (!ok || a.IfName == ifName)
		})
	}
}

// split divides the rules about addresses into those to remove and others, and
// returns the jumps that go with the former.
func (st *chainState) split(mine func(iptables.Rule) bool) (remove, others, jumps []iptables.Rule) {
	for _, r := range st.addresses() {
		if mine(r) {
			remove = append(remove, r)
		} else {
			others = append(others, r)
		}
	}
	for _, j := range st.jumps {
		if isAbout(j, remove) || slices.ContainsFunc(remove, isUnrecorded) && !isAbout(j, others) {
			jumps = append(jumps, j)
		}
	}
	return remove, others, jumps
}

// isAbout reports whether one of the rules is about the address of the jump.
func isAbout(jump iptables.Rule, rules []iptables.Rule) bool {
	source := jump.Source()
	return source != nil && slices.ContainsFunc(rules, func(r iptables.Rule) bool {
		_, ip, ok := parseRecord(r.Comment())
		return ok && ip.Equal(source.IP)
	})
}

// remove removes the addresses that are mine, and with the last of all the chain. A
// rule of somebody else is put anew: if that is removed at the same time, one of both
// fails, and finds itself the last. (To require it is not enough: nft's variant does
// not look again for what it required after others' changes.)
func (st *chainState) remove(tx *iptables.Transaction, mine func(iptables.Rule) bool) {
	remove, others, jumps := st.split(mine)
	switch {
	case !st.exists:
	case len(others) == 0:
		for _, j := range st.jumps {
			tx.Delete(sources, j)
		}
		tx.DeleteChain(st.chain)
	case len(remove) > 0:
		tx.Delete(st.chain, others[0])
		tx.Insert(st.chain, others[0])
		for _, j := range jumps {
			tx.Delete(sources, j)
		}
		for _, r := range remove {
			tx.Delete(st.chain, r)
		}
	}
}

// replace puts what has to be of all, who share the chain, in the place of what
// there is of it. It takes away only what it knows: an ADD for another interface may
// put its own into the chain since it was read.
func (st *chainState) replace(tx *iptables.Transaction, all []masqueraded) {
	again := slices.ContainsFunc(st.jumps, func(j iptables.Rule) bool {
		return slices.ContainsFunc(all, func(m masqueraded) bool { return m.hasSource(j) })
	})
	mine := func(r iptables.Rule) bool {
		ifName, _, ok := parseRecord(r.Comment())
		return ok && slices.ContainsFunc(all, func(m masqueraded) bool { return m.IfName == ifName }) || !ok && again
	}
	remove, others, jumps := st.split(mine)
	if len(others) == 0 {
		remove, jumps = st.rules, st.jumps
	}
	for _, j := range jumps {
		tx.Delete(sources, j)
	}
	for _, r := range remove {
		tx.Delete(st.chain, r)
	}
	for i, m := range all {
		m.fill(tx, len(others) > 0 || i > 0)
	}
	if len(others) > 0 && !st.translates() {
		tx.Append(st.chain, all[0].translation())
	}
}

// translates reports whether the chain masquerades anything.
func (st *chainState) translates() bool {
	return slices.ContainsFunc(st.rules, func(r iptables.Rule) bool { return r.Target() == translate })
}

// masquerades reports whether what an address sends beyond its subnet is
// masqueraded.
func (st *chainState) masquerades(address *net.IPNet) bool {
	spared := func(r iptables.Rule) bool {
		d := r.Destination()
		return r.Target() == accept && d != nil && d.String() == subnet(address).String()
	}
	jumped := func(r iptables.Rule) bool { return r.Source() != nil && r.Source().Contains(address.IP) }
	return slices.ContainsFunc(st.rules, spared) && st.translates() && slices.ContainsFunc(st.jumps, jumped)
}

// has reports whether all that fill adds is there.
func (st *chainState) has(m masqueraded) bool {
	recorded := func(address *net.IPNet) bool {
		return slices.ContainsFunc(st.addresses(), func(r iptables.Rule) bool {
			ifName, ip, ok := parseRecord(r.Comment())
			return ok && ifName == m.IfName && ip.Equal(address.IP)
		})
	}
	return !slices.ContainsFunc(m.addresses, func(address *net.IPNet) bool { return !recorded(address) || !st.masquerades(address) })
}

// stateIn returns a chain as it is in the table.
func stateIn(contents iptables.Contents, chain string) *chainState {
	st := &chainState{chain: chain, exists: slices.Contains(contents.Chains, chain)}
	for _, r := range contents.Rules {
		switch {
		case r.Chain == chain:
			st.rules = append(st.rules, r.Rule)
		case r.Chain == sources && r.Rule.Target() == chain:
			st.jumps = append(st.jumps, r.Rule)
		}
	}
	return st
}

// statesOf returns the chains of the network's containers, by container.
func statesOf(network string, rules []iptables.Listed) map[string]*chainState {
	states := map[string]*chainState{}
	for _, r := range rules {
		id, ok := containerOf(r.Rule.Comment(), network)
		if !ok {
			continue
		}
		chain := owner.Attachment{Network: network, ContainerID: id}.ChainName("")
		st := states[id]
		if st == nil {
			st = &chainState{chain: chain, exists: true}
		}
		switch {
		case r.Chain == chain:
			st.rules = append(st.rules, r.Rule)
		case r.Chain == sources && r.Rule.Target() == chain:
			st.jumps = append(st.jumps, r.Rule)
		default:
			continue
		}
		states[id] = st
	}
	return states
}
