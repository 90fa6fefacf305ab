package portmap

import (
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

func (t target) protocolFamily() iptables.Family { return iptables.Family(t.isIPv6()) }

// inFamily returns the container in the family of the table, if it has an address of it.
func (f *forward) inFamily(family iptables.Family) (target, bool) {
	for _, t := range f.targets() {
		if t.protocolFamily() == family {
			return t, true
		}
	}
	return target{}, false
}

func (viaIPTables) add(f, old *forward, _ []*forward) error {
	families := slices.DeleteFunc(iptables.Families(), func(family iptables.Family) bool {
		_, has := f.inFamily(family)
		had := false
		if old != nil {
			_, had = old.inFamily(family)
		}
		return !has && !had
	})
	return iptables.Change(natTable, families, func(table *iptables.Table) error {
		if t, has := f.inFamily(table.Family); has {
			t.wanted(table).correct()
		} else {
			removeChain(table, old.Chain)
		}
		return nil
	})
}

// removeUnrecorded removes what upstream made, also in a form that it has given
// up: chains that masquerade.
func (viaIPTables) removeUnrecorded(a owner.Attachment) error {
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
	return removeChains(names...)
}

// removeChains removes the chains, as far as they are there, and what leads to
// them.
func removeChains(chains ...string) error {
	return iptables.Remove(natTable, func(t *iptables.Table) error {
		for _, chain := range chains {
			removeChain(t, chain)
		}
		return nil
	}).Run()
}

func removeChain(t *iptables.Table, chain string) {
	if !t.HasChain(chain) {
		return
	}
	for _, from := range []string{dnatChain, oldMasqChain} {
		t.Delete(from, t.Jumps(from, chain)...)
	}
	t.DeleteChain(chain)
}

func (viaIPTables) collect(network string, valid []owner.Attachment, stale []*forward) error {
	keep := map[string]bool{}
	for _, a := range valid {
		for _, chain := range chains(a) {
			keep[chain] = true
		}
	}
	return iptables.Remove(natTable, func(t *iptables.Table) error {
		for _, r := range t.Rules(dnatChain) {
			chain := r.Target()
			if isOfNetwork(r.Comment(), network) && strings.HasPrefix(chain, "CNI-"+chainInfix) && !keep[chain] {
				removeChain(t, chain)
			}
		}
		for _, f := range stale {
			removeChain(t, f.Chain)
		}
		return nil
	}).Run()
}

// isOfNetwork reports whether a comment names the network.
func isOfNetwork(comment, network string) bool {
	return strings.HasPrefix(comment, fmt.Sprintf("dnat name: %q id: ", network))
}

func (viaIPTables) available() error { return iptables.Available() }
