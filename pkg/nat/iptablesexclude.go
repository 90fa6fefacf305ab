package nat

import (
	"net"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/iptables"
)

// spare is what the names of chains begin with that accept what goes to the networks of a
// list. There is one for each list and family, which all attachments with the list share. A
// long list is a tree of such chains, so that a packet passes as many rules whatever its length:
//
//	-A CNI-2bbe0c48b91a7d1b8a6753a8 -s 10.88.0.5/32 -m comment --comment "name: \"net\" id: \"cid\" if: \"eth0\" ip: 10.88.0.5" -j CNI-SPARE-65b2a1e0f4c83d97
//	-A CNI-SPARE-65b2a1e0f4c83d97 -d 192.168.0.0/16 -m comment --comment "ipMasqExclude" -j ACCEPT
//	-A CNI-SPARE-65b2a1e0f4c83d97 -d 172.16.0.0/12 -m comment --comment "ipMasqExclude" -j CNI-SPARE-0d47c1b39e52f86a
//	-A CNI-SPARE-0d47c1b39e52f86a -d 172.16.4.0/24 -m comment --comment "ipMasqExclude" -j ACCEPT
const spare = "CNI-SPARE-"

const spareComment = "ipMasqExclude"

func spareChain(networks []*net.IPNet) string { return spare + hashOf(networks, 16) }

func isSpare(r iptables.Listed) bool { return strings.HasPrefix(r.Target(), spare) }

// addSpare makes the chain for the networks, and those that it leads to, unless it is there. It
// is empty if somebody flushed it.
func addSpare(t *iptables.Table, networks []*net.IPNet) {
	chain := spareChain(networks)
	if !t.HasChain(chain) || len(t.Rules(chain)) == 0 {
		fillSpare(t, chain, networks)
	}
}

func fillSpare(t *iptables.Table, chain string, networks []*net.IPNet) {
	if !t.HasChain(chain) {
		t.NewChain(chain)
	}
	for _, branch := range branches(networks) {
		target := accept
		if len(branch) > 1 {
			addSpare(t, branch)
			target = spareChain(branch)
		}
		t.Append(chain, slices.Concat([]string{"-d", around(branch).String()}, iptables.Comment(spareComment), []string{"-j", target}))
	}
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

// repairSpare makes the rules of the chain anew, and of those that it leads to, if they are not
// those that it should have.
func repairSpare(t *iptables.Table, networks []*net.IPNet) {
	chain := spareChain(networks)
	rules := t.Rules(chain)
	if sameNetworks(sparedBy(t, rules), networks) {
		return
	}
	for _, branch := range branches(networks) {
		if len(branch) > 1 {
			repairSpare(t, branch)
		}
	}
	fillSpare(t, chain, networks)
	t.Delete(chain, rules...)
}

// releaseSpares deletes the chains of networks, to which deleted rules led, if nothing leads
// there any longer. It returns those to which something does.
func releaseSpares(t *iptables.Table, deleted []iptables.Listed) (left []string) {
	for _, r := range deleted {
		if !isSpare(r) {
			continue
		}
		below := t.Rules(r.Target())
		if t.Release(r.Target()) {
			left = append(left, releaseSpares(t, below)...)
		} else {
			left = append(left, r.Target())
		}
	}
	return left
}

// releaseUnused deletes those of the chains of networks that are there and to which nothing leads
// any longer.
func releaseUnused(t *iptables.Table, chains []string) {
	for _, chain := range chains {
		if !t.HasChain(chain) {
			continue
		}
		below := t.Rules(chain)
		if t.DeleteUnused(chain) {
			releaseSpares(t, below)
		}
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
	jumps, _ := divide(st.rules, isSpare)
	for _, jump := range jumps {
		for _, n := range sparedBy(st.table, st.table.Rules(jump.Target())) {
			rule := iptables.Rule{"-d", n.String()}
			if source := jump.Source(); source != nil {
				rule = append(rule, "-s", source.String())
			}
			st.table.Insert(st.chain, slices.Concat(rule, iptables.Comment(comment), []string{"-j", accept}))
		}
	}
	st.table.Delete(st.chain, jumps...)
	releaseSpares(st.table, jumps)
}

// spares reports whether the networks that are excluded are the ones of the options. In
// chains that upstream made there are none.
func (st *chainState) spares(addresses []*net.IPNet, o Options) bool {
	if !slices.ContainsFunc(st.rules, func(r iptables.Listed) bool { return isRecorded(r) || isSpare(r) }) {
		return true
	}
	// By a downgrade that was taken back, they may be in the chain itself.
	rules, _ := divide(st.rules, func(r iptables.Listed) bool {
		_, ip, ok := parseRecord(r.Comment())
		return isSpare(r) || ok && ip.IsUnspecified()
	})
	return !slices.ContainsFunc(addresses, func(address *net.IPNet) bool {
		its, _ := divide(rules, func(r iptables.Listed) bool { return r.Source() == nil || r.Source().Contains(address.IP) })
		return !sameNetworks(networksLike(address.IP, sparedBy(st.table, its)), networksLike(address.IP, o.Exclude))
	})
}

// sparedBy returns the networks that rules accept, and chains that they lead to.
func sparedBy(t *iptables.Table, rules []iptables.Listed) []*net.IPNet {
	var networks []*net.IPNet
	for _, r := range rules {
		d := r.Destination()
		switch {
		case isSpare(r):
			within := sparedBy(t, t.Rules(r.Target()))
			networks = append(networks, slices.DeleteFunc(within, func(n *net.IPNet) bool { return d != nil && !d.Contains(n.IP) })...)
		case d != nil && r.Target() == accept:
			networks = append(networks, d)
		}
	}
	return networks
}
