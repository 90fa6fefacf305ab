package portmap

import (
	"net"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

// The names of chains. Base chains are called like their hooks.
const (
	hostports   = "hostports"
	conditional = "conditional"
	prerouting  = "prerouting"
	output      = "output"
	postrouting = "postrouting"
)

// The priorities that nft(8) calls dstnat and srcnat.
const (
	natDestination = -100
	natSource      = 100
)

func table() nft.Table {
	return nft.Table{
		Family: nft.Inet, Name: "cni_plugins_portmap",
		Comment: "Port mappings of github.com/containernetworking/plugins",
	}
}

// families returns a target of each family, which has nothing but a family.
func families() []target {
	return []target{{ip: net.IPv4zero}, {ip: net.IPv6zero}}
}

// addSkeleton adds what all attachments have in common, as far as it does not
// exist. It is made at once, with postrouting at the end. Where that is, the rest
// is looked for only if changes that rely on it have failed.
func (x *changes) addSkeleton() error {
	exists, err := x.c.HasChain(table(), postrouting)
	if err != nil || exists && !x.again {
		return err
	}
	if exists, err = x.c.HasTable(table()); err != nil {
		return err
	}
	if !exists {
		x.tx.AddTable(table())
	}
	for _, t := range families() {
		for _, set := range []nft.Set{
			{Name: t.hostIPMap(), Key: []nft.Type{nft.InetProto, t.addrType(), nft.InetService}, Value: []nft.Type{t.addrType(), nft.InetService}},
			{Name: t.portsMap(), Key: []nft.Type{nft.InetProto, nft.InetService}, Value: []nft.Type{t.addrType(), nft.InetService}},
		} {
			exists, err := x.c.HasSet(table(), set.Name)
			if err != nil {
				return err
			}
			if !exists {
				x.tx.AddSet(table(), set)
			}
		}
	}
	return x.addChains()
}

// addChains adds the chains, each with its rules.
func (x *changes) addChains() error {
	for _, c := range []struct {
		chain nft.Chain
		rules []nft.Rule
	}{
		{nft.Chain{Name: conditional}, nil},
		{nft.Chain{Name: hostports}, hostportsRules()},
		{base(prerouting, unix.NF_INET_PRE_ROUTING, natDestination), entryRules()},
		{base(output, unix.NF_INET_LOCAL_OUT, natDestination), entryRules()},
		{base(postrouting, unix.NF_INET_POST_ROUTING, natSource), nil},
	} {
		if err := x.c.CompleteChain(x.tx, table(), c.chain, c.rules); err != nil {
			return err
		}
	}
	return nil
}

func base(name string, hook uint32, priority int32) nft.Chain {
	return nft.Chain{Name: name, Base: &nft.Base{Type: "nat", Hook: hook, Priority: priority}}
}

// entryRules send packets to the node itself to the mappings.
func entryRules() []nft.Rule {
	return []nft.Rule{{Exprs: append(nft.ToLocal(), nft.Goto(hostports).End())}}
}

// hostportsRules look the mappings up: those with conditions first, and those of
// one address before those of all.
func hostportsRules() []nft.Rule {
	rules := []nft.Rule{{Exprs: []nft.Expr{nft.Jump(conditional).End()}}}
	for _, t := range families() {
		rules = append(rules, nft.Rule{Exprs: append(nft.Protocol(t.ip),
			nft.Meta(nft.Part(0), unix.NFT_META_L4PROTO),
			nft.Load(nft.Part(1), nft.Destination(t.ip)),
			nft.Load(nft.Part(1+t.parts()), nft.DestinationPort()),
			nft.Translate(nft.Part(0), t.hostIPMap()),
			t.redirect(),
		)})
	}
	for _, t := range families() {
		rules = append(rules, nft.Rule{Exprs: append(nft.Protocol(t.ip),
			nft.Meta(nft.Part(0), unix.NFT_META_L4PROTO),
			nft.Load(nft.Part(1), nft.DestinationPort()),
			nft.Translate(nft.Part(0), t.portsMap()),
			t.redirect(),
		)})
	}
	return rules
}

// nft is the family in nftables' terms.
func (t target) nft() nft.Family {
	if t.isIPv6() {
		return nft.IPv6
	}
	return nft.IPv4
}

func (t target) addrType() nft.Type { return nft.AddrType(t.ip) }

// parts is how many registers of four bytes an address takes.
func (t target) parts() int { return int(t.addrType().Len) / 4 }

// redirect sends a packet where the registers say.
func (t target) redirect() nft.Expr {
	return nft.DestinationNAT(t.nft(), nft.Part(0), nft.Part(t.parts()))
}

// addMasquerades adds the sets of sources that the attachment needs, each with
// the rule that uses it.
func (x *changes) addMasquerades(f *forward) error {
	for _, t := range f.targets() {
		for _, source := range t.sources() {
			ones, _ := source.Mask.Size()
			name := t.masqueradeSet(ones)
			if x.seen[name] {
				continue
			}
			x.seen[name] = true
			exists, err := x.c.HasSet(table(), name)
			if err != nil {
				return err
			}
			if !exists {
				x.tx.AddSet(table(), nft.Set{Name: name, Key: []nft.Type{t.addrType(), t.addrType()}})
			}
			used, err := x.uses(name, exists)
			if err != nil {
				return err
			}
			if used {
				continue
			}
			x.tx.AddRule(table(), postrouting, nft.Rule{Exprs: t.masquerade(source.Mask, name), Comment: name})
		}
	}
	return nil
}

// uses reports whether a rule uses the set. It is made with the set, and only
// looked for where things may be gone.
func (x *changes) uses(set string, exists bool) (bool, error) {
	if !exists || !x.again {
		return exists, nil
	}
	rules, err := x.c.Rules(table(), postrouting)
	return slices.ContainsFunc(rules, func(r nft.FoundRule) bool { return r.Comment == set }), err
}

// masquerade hides the source of redirected packets if the set has its subnet,
// of the mask, together with their destination.
func (t target) masquerade(mask net.IPMask, set string) []nft.Expr {
	exprs := append(nft.Redirected(), nft.Protocol(t.ip)...)
	exprs = append(exprs, nft.Load(nft.Part(0), nft.Source(t.ip)))
	if ones, bits := mask.Size(); ones < bits {
		exprs = append(exprs, nft.Mask(nft.Part(0), mask))
	}
	return append(exprs,
		nft.Load(nft.Part(t.parts()), nft.Destination(t.ip)),
		nft.In(nft.Part(0), set),
		nft.Masquerade(false),
	)
}
