package nat

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/restored"
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
// find them, and leave those of others alone. Where the ruleset was written and
// read back by nft(8), which takes comments away, the addresses tell it. Upstream's
// DEL takes the jump by its text, which is the same, and the chain with whatever it
// has.
type viaIPTables struct{}

func (viaIPTables) Add(a owner.Attachment, addresses []*net.IPNet, o Options) error {
	families := slices.DeleteFunc(iptables.Families(), func(f iptables.Family) bool { return len(ofFamily(addresses, f)) == 0 })
	err := iptables.Change(table, families, func(t *iptables.Table) error {
		m := masqueraded{Attachment: a, family: t.Family, addresses: ofFamily(addresses, t.Family), options: o}
		readState(t, m.chain()).replace([]masqueraded{m})
		return nil
	})
	if err != nil {
		return fmt.Errorf("masquerade: %w", err)
	}
	return nil
}

// removal is what Del and GC remove. Interfaces of a container share a chain, and containers
// those of networks that are excluded. Of those that go at once each finds the other one still
// there: who has left something to others looks once more, with settle.
type removal struct {
	iptables.Removal
	shared bool
	// spares are the chains of networks that are left.
	spares []string
}

// newRemoval returns one of what look hands to remove.
func newRemoval(look func(*removal, *iptables.Table)) *removal {
	r := &removal{}
	r.Removal = iptables.Remove(table, func(t *iptables.Table) error {
		releaseUnused(t, r.spares)
		look(r, t)
		return nil
	})
	return r
}

func removalOf(a owner.Attachment, addresses []*net.IPNet) *removal {
	return newRemoval(func(r *removal, t *iptables.Table) {
		st := readState(t, a.ChainName(""))
		r.remove(st, st.of(a, addresses))
	})
}

func (r *removal) remove(st *chainState, m mine) {
	shared, spares := st.remove(m)
	r.shared, r.spares = r.shared || shared, append(r.spares, spares...)
}

// settle removes what others have left meanwhile.
func (r *removal) settle() error {
	if !r.shared && len(r.spares) == 0 {
		return nil
	}
	return r.Run()
}

func (r *removal) runAndSettle() error {
	if err := errors.Join(r.Run(), r.settle()); err != nil {
		return fmt.Errorf("remove masquerade: %w", err)
	}
	return nil
}

func (viaIPTables) Del(a owner.Attachment, addresses ...*net.IPNet) error {
	return removalOf(a, addresses).runAndSettle()
}

// GC knows the network's attachments by the comments of jumps, and by the records of
// those that are to go.
func (viaIPTables) GC(network string, valid []owner.Attachment, recorded ...Masqueraded) error {
	return newRemoval(func(r *removal, t *iptables.Table) {
		containers := containersOf(t, network)
		for _, m := range recorded {
			st := readState(t, m.ChainName(""))
			r.remove(st, st.of(m.Attachment, m.Addresses))
		}
		for _, id := range containers {
			st := readState(t, owner.Attachment{Network: network, ContainerID: id}.ChainName(""))
			r.remove(st, st.notOf(id, valid))
		}
	}).runAndSettle()
}

func (viaIPTables) Available() error { return iptables.Available() }

func (viaIPTables) Check(a owner.Attachment, addresses []*net.IPNet, o Options) error {
	var missing []*net.IPNet
	for _, f := range iptables.Families() {
		var missed []*net.IPNet
		own := ofFamily(addresses, f)
		err := iptables.Check(table, f, func(t *iptables.Table) error {
			st := readState(t, a.ChainName(""))
			missed = slices.DeleteFunc(slices.Clone(own), st.masquerades)
			if len(missed) == 0 && !st.spares(own, o) {
				return notSpared(networksLike(own[0].IP, o.Exclude))
			}
			return errors.Join(notMasqueraded(missed), t.Err())
		})
		switch {
		case err == nil:
		case len(missed) > 0:
			missing = append(missing, missed...)
		default:
			return fmt.Errorf("check masquerade: %w", err)
		}
	}
	return notMasqueraded(missing)
}

// Repair fills chains of which something is missing anew, with what all who share them
// have.
func (viaIPTables) Repair(all []Masqueraded) error {
	sharing := map[string][]Masqueraded{}
	var chains []string
	for _, m := range all {
		chain := m.ChainName("")
		if sharing[chain] == nil {
			chains = append(chains, chain)
		}
		sharing[chain] = append(sharing[chain], m)
	}
	err := iptables.ChangeEach(table, familiesOf(all), func(t *iptables.Table) error {
		t.Rules(sources) // once for all
		repairSpares(t, all)
		for _, chain := range chains {
			var wanted []masqueraded
			for _, m := range sharing[chain] {
				if addresses := ofFamily(m.Addresses, t.Family); len(addresses) > 0 {
					wanted = append(wanted, masqueraded{m.Attachment, t.Family, addresses, m.Options})
				}
			}
			if st := readState(t, chain); slices.ContainsFunc(wanted, func(m masqueraded) bool { return !st.has(m) }) {
				st.replace(wanted)
				for _, m := range wanted {
					restored.Of(m.Attachment)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("repair masquerade: %w", err)
	}
	return nil
}
