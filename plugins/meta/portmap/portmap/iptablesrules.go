package portmap

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/containernetworking/plugins/pkg/iptables"
)

// The chains that all attachments share.
const (
	dnatChain = "CNI-HOSTPORT-DNAT"
	markChain = "CNI-HOSTPORT-SETMARK"
	masqChain = "CNI-HOSTPORT-MASQ"
	// oldMasqChain leads to chains of attachments in a form that upstream has given up.
	oldMasqChain = "CNI-HOSTPORT-SNAT"
)

// wanted is what a target needs in a table.
type wanted struct {
	target
	table *iptables.Table
	// setMark and masquerade are the chains for its mark.
	setMark, masquerade string
}

// wanted chooses the chains for the mark: those that have it, or that nobody has
// used, or a pair of its own.
func (t target) wanted(table *iptables.Table) wanted {
	w := wanted{target: t, table: table, setMark: markChain, masquerade: masqChain}
	if t.MarkChain != "" {
		w.setMark = t.MarkChain
		return w
	}
	others := func(chain string, mine iptables.Rule) bool {
		rules := slices.DeleteFunc(slices.Clone(table.Rules(chain)), func(h iptables.Listed) bool { return h.IsLike(w.hollow()) })
		return len(rules) > 0 && !sameRules(rules, []iptables.Rule{mine})
	}
	if others(markChain, w.mark()) || others(masqChain, w.translation()) {
		suffix := "-" + strconv.Itoa(t.MarkBit)
		w.setMark, w.masquerade = markChain+suffix, masqChain+suffix
	}
	return w
}

// sameRules compares rules in their order.
func sameRules(have []iptables.Listed, want []iptables.Rule) bool {
	return slices.EqualFunc(have, want, func(h iptables.Listed, w iptables.Rule) bool { return h.IsLike(w) })
}

func (w wanted) mask() string {
	mask := fmt.Sprintf("0x%x", uint32(1)<<w.MarkBit)
	return mask + "/" + mask
}

func (w wanted) mark() iptables.Rule {
	return slices.Concat(iptables.Comment("CNI portfwd masquerade mark"), []string{"-j", "MARK", "--set-xmark", w.mask()})
}

func (w wanted) translation() iptables.Rule {
	return iptables.Rule{"-m", "mark", "--mark", w.mask(), "-j", "MASQUERADE"}
}

// hollow is the translation as nft(8) may have listed it and read it back: without its
// target.
func (w wanted) hollow() iptables.Rule {
	mine := w.translation()
	return mine[:len(mine)-2]
}

func (w wanted) toMasquerade() iptables.Rule {
	return slices.Concat(iptables.Comment("CNI portfwd requiring masquerade"), []string{"-j", w.masquerade})
}

func toDNAT() iptables.Rule {
	return iptables.Rule{"-m", "addrtype", "--dst-type", "LOCAL", "-j", dnatChain}
}

// marks reports whether packets are marked, in chains that are made here.
func (w wanted) marks() bool { return w.SNAT && w.MarkChain == "" }

// placed is a rule in its chain.
type placed struct {
	chain string
	rule  iptables.Rule
}

// top returns the rules outside the target's own chain that packets need to get
// there, and to be masqueraded.
func (w wanted) top() []placed {
	top := []placed{{"PREROUTING", toDNAT()}, {"OUTPUT", toDNAT()}}
	if w.marks() {
		top = append(top,
			placed{w.setMark, w.mark()},
			placed{w.masquerade, w.translation()},
			placed{"POSTROUTING", w.toMasquerade()})
	}
	return top
}

// correct makes of what there is what has to be, and reports whether anything lacked.
func (w wanted) correct() bool {
	changed := w.addTop()
	if w.has() {
		return changed
	}
	w.replaceChain()
	return true
}

// addTop adds what is missing of it, and reports whether that was anything.
func (w wanted) addTop() bool {
	made := []string{dnatChain}
	if w.marks() {
		made = append(made, w.setMark, w.masquerade)
	}
	added := map[string]bool{}
	for _, chain := range made {
		if !w.table.HasChain(chain) {
			w.table.NewChain(chain)
			added[chain] = true
		}
	}
	changed := len(added) > 0
	if hollow := w.table.Like(w.masquerade, w.hollow()); w.marks() && len(hollow) > 0 {
		w.table.Delete(w.masquerade, hollow...)
		changed = true
	}
	for _, r := range w.top() {
		// Nothing leads to a chain that was not there.
		if !added[r.rule.Target()] && w.table.Has(r.chain, r.rule) {
			continue
		}
		changed = true
		if r.chain == "POSTROUTING" {
			w.table.Insert(r.chain, r.rule)
		} else {
			w.table.Append(r.chain, r.rule)
		}
	}
	return changed
}

// replaceChain makes the target's own chain and what leads to it, in the place of what
// there is of them.
func (w wanted) replaceChain() {
	if w.table.HasChain(w.Chain) {
		w.table.Delete(w.Chain, w.table.Rules(w.Chain)...)
		w.table.Delete(dnatChain, w.table.Jumps(dnatChain, w.Chain)...)
	} else {
		w.table.NewChain(w.Chain)
	}
	for _, r := range w.rules() {
		w.table.Append(w.Chain, r)
	}
	for _, r := range w.jumps() {
		w.table.Append(dnatChain, r)
	}
}

// has reports whether the chain is as it has to be.
func (w wanted) has() bool {
	return w.table.HasChain(w.Chain) && sameRules(w.table.Rules(w.Chain), w.rules()) &&
		!slices.ContainsFunc(w.jumps(), func(r iptables.Rule) bool { return !w.hasJump(r) })
}

// hasJump looks for a jump. iptables prints conditions in its own way, so that
// they are not compared.
func (w wanted) hasJump(jump iptables.Rule) bool {
	return slices.ContainsFunc(w.table.Jumps(dnatChain, w.Chain), func(r iptables.Listed) bool {
		if len(w.conditions()) == 0 {
			return r.IsLike(jump)
		}
		return r.Extends(w.unconditional(jump))
	})
}

// unconditional returns a jump without the conditions of the configuration.
func (w wanted) unconditional(jump iptables.Rule) iptables.Rule {
	conditions := w.conditions()
	for i := range jump {
		if rest := jump[i:]; len(rest) >= len(conditions) && slices.Equal(rest[:len(conditions)], conditions) {
			return slices.Concat(jump[:i], rest[len(conditions):])
		}
	}
	return jump
}

// rules returns those of the target's own chain.
func (w wanted) rules() []iptables.Rule {
	var rules []iptables.Rule
	for _, m := range w.mappings() {
		var destination []string
		if host := m.address(); host != nil {
			destination = []string{"-d", iptables.Host(host)}
		}
		match := slices.Concat(destination, []string{"-p", m.Protocol, "-m", m.Protocol, "--dport", m.ports(":")})
		for _, source := range w.sources() {
			marked := slices.Concat([]string{"-s", source.String()}, match, []string{"-j", w.setMark})
			if ones, _ := source.Mask.Size(); ones == 0 {
				marked = marked[2:]
			}
			rules = append(rules, marked)
		}
		rules = append(rules, slices.Concat(match, []string{"-j", "DNAT", "--to-destination", w.destination(m)}))
	}
	return rules
}

// destination returns the container's side. A number behind the range of its
// ports says which port of the host belongs to the first (Linux 4.18,
// NF_NAT_RANGE_PROTO_OFFSET).
func (t target) destination(m mapping) string {
	ports := strconv.Itoa(m.ContainerPort)
	if m.count() > 1 {
		ports = fmt.Sprintf("%d-%d/%d", m.ContainerPort, m.ContainerPort+m.count()-1, m.HostPort)
	}
	return net.JoinHostPort(t.ip.String(), ports)
}

// jumps returns the rules that lead to the target's chain: for each protocol one
// or, with many ports, several. Like upstream's they have also the ports of the
// other family's addresses.
func (t target) jumps() []iptables.Rule {
	var jumps []iptables.Rule
	of := slices.Sorted(slices.Values(protocols()))
	for _, protocol := range of {
		var ports []string
		room := iptables.MaxMultiport
		flush := func() {
			if len(ports) > 0 {
				jumps = append(jumps, t.jump(protocol, ports))
			}
			ports, room = nil, iptables.MaxMultiport
		}
		for _, m := range t.Mappings {
			if m.Protocol != protocol {
				continue
			}
			need := min(m.count(), 2)
			if need > room {
				flush()
			}
			ports, room = append(ports, m.ports(":")), room-need
		}
		flush()
	}
	return jumps
}

func (t target) jump(protocol string, ports []string) iptables.Rule {
	return slices.Concat(
		[]string{"-p", protocol}, iptables.Comment(t.comment()),
		[]string{"-m", "multiport", "--dports", strings.Join(ports, ",")},
		t.conditions(),
		[]string{"-j", t.Chain})
}

// comment returns upstream's comment. Upstream cuts it to 253 bytes and three dots,
// of which iptables keeps two.
func (t target) comment() string {
	const end = ".."
	text := "dnat " + t.Comment()
	if len(text) > iptables.MaxComment {
		text = text[:iptables.MaxComment-len(end)] + end
	}
	return text
}
