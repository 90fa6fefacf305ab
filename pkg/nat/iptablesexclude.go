package nat

import (
	"net"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/iptables"
)

// spare is what the names of chains begin with that accept what goes to the networks of a
// list. There is one for each list and family, which all attachments with the list share:
//
//	-A CNI-2bbe0c48b91a7d1b8a6753a8 -m comment --comment "ipMasqExclude" -j CNI-SPARE-65b2a1e0f4c83d97
//	-A CNI-SPARE-65b2a1e0f4c83d97 -d 192.168.0.0/16 -m comment --comment "ipMasqExclude" -j ACCEPT
const spare = "CNI-SPARE-"

const spareComment = "ipMasqExclude"

func spareChain(networks []*net.IPNet) string { return spare + hashOf(networks, 16) }

func isSpare(r iptables.Listed) bool { return strings.HasPrefix(r.Target(), spare) }

func jumpToSpare(networks []*net.IPNet) iptables.Rule {
	return append(iptables.Comment(spareComment), "-j", spareChain(networks))
}

// addSpare makes the chain for the networks, unless it is there. It is empty if somebody
// flushed it.
func addSpare(t *iptables.Table, networks []*net.IPNet) {
	chain := spareChain(networks)
	switch {
	case !t.HasChain(chain):
		t.NewChain(chain)
	case len(t.Until(chain, func(iptables.Rule) bool { return true })) > 0:
		return
	}
	fillSpare(t, chain, networks)
}

// repairSpares does so for all, each list once.
func repairSpares(t *iptables.Table, all []Masqueraded) {
	repaired := map[string]bool{}
	for _, m := range all {
		addresses := ofFamily(m.Addresses, t.Family)
		if len(addresses) == 0 {
			continue
		}
		spared := networksLike(addresses[0].IP, m.Exclude)
		if len(spared) > 0 && !repaired[spareChain(spared)] {
			repaired[spareChain(spared)] = true
			repairSpare(t, spared)
		}
	}
}

// repairSpare makes the rules of the chain anew if they are not those that it should have.
func repairSpare(t *iptables.Table, networks []*net.IPNet) {
	chain := spareChain(networks)
	addSpare(t, networks)
	rules := t.Rules(chain)
	if !sameNetworks(sparedBy(rules), networks) {
		fillSpare(t, chain, networks)
		t.Delete(chain, rules...)
	}
}

func fillSpare(t *iptables.Table, chain string, networks []*net.IPNet) {
	for _, n := range networks {
		t.Append(chain, slices.Concat([]string{"-d", n.String()}, iptables.Comment(spareComment), []string{"-j", accept}))
	}
}

// unspecified is what a record has in place of an address if it is about an excluded network.
func unspecified(ip net.IP) net.IP {
	if ip.To4() != nil {
		return net.IPv4zero
	}
	return net.IPv6unspecified
}

// unshare makes rules of the chain itself, with a comment, of what those have that it shares
// with others.
func (st *chainState) unshare(comment string) {
	for _, jump := range st.rules {
		if !isSpare(jump) {
			continue
		}
		for _, n := range sparedBy(st.table.Rules(jump.Target())) {
			st.table.Insert(st.chain, slices.Concat([]string{"-d", n.String()}, iptables.Comment(comment), []string{"-j", accept}))
		}
		st.table.Delete(st.chain, jump)
		st.table.Release(jump.Target())
	}
}

// spares reports whether the networks that are excluded are the ones of the options. In
// chains that upstream made there are none.
func (st *chainState) spares(addresses []*net.IPNet, o Options) bool {
	if len(addresses) == 0 || !slices.ContainsFunc(st.rules, func(r iptables.Listed) bool { return isRecorded(r) || isSpare(r) }) {
		return true
	}
	// By a downgrade that was taken back, they may be in the chain itself.
	inside, _ := divide(st.rules, func(r iptables.Listed) bool {
		_, ip, ok := parseRecord(r.Comment())
		return ok && ip.IsUnspecified()
	})
	have := sparedBy(inside)
	for _, r := range st.rules {
		if isSpare(r) {
			have = append(have, sparedBy(st.table.Rules(r.Target()))...)
		}
	}
	ip := addresses[0].IP
	return sameNetworks(networksLike(ip, have), networksLike(ip, o.Exclude))
}

// sparedBy returns the networks that rules accept.
func sparedBy(rules []iptables.Listed) []*net.IPNet {
	var networks []*net.IPNet
	for _, r := range rules {
		if d := r.Destination(); d != nil && r.Target() == accept {
			networks = append(networks, d)
		}
	}
	return networks
}
