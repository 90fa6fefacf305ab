package firewall

import (
	"net"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/containernetworking/plugins/pkg/nft"
)

// The names of sets and of the administrator's chains in the table.
const (
	containers4 = "containers_ipv4"
	containers6 = "containers_ipv6"
	answers4    = "answers_only_ipv4"
	answers6    = "answers_only_ipv6"
	bridges     = "bridges"
	bridged     = "bridged"

	adminRules     = "admin"
	unmatchedRules = "unmatched"
)

// trackedStates are the bits of ct state for established and related: 1 shifted
// by enum ip_conntrack_info plus 1 (linux/netfilter/nf_conntrack_common.h).
const trackedStates = 1<<1 | 1<<2

func table() nft.Table {
	return nft.Table{Family: nft.Inet, Name: "cni_plugins_firewall", Comment: "Forwarding for containers, by CNI's firewall plugin"}
}

func sets() []nft.Set {
	return []nft.Set{
		{Name: containers4, Key: []nft.Type{nft.IPv4Addr}},
		{Name: containers6, Key: []nft.Type{nft.IPv6Addr}},
		{Name: answers4, Key: []nft.Type{nft.IPv4Addr}, Comment: "Containers to which nothing passes that was translated"},
		{Name: answers6, Key: []nft.Type{nft.IPv6Addr}, Comment: "Containers to which nothing passes that was translated"},
		{Name: bridges, Key: []nft.Type{nft.IfName}},
		{Name: bridged, Key: []nft.Type{nft.IfName, nft.IfName}, Verdicts: true},
	}
}

// chain is a chain with the rules that it is to have.
type chain struct {
	nft.Chain
	rules []nft.Rule
	// earlier is how many rules earlier releases made; 0 is as many.
	earlier int
}

// chains returns all chains, those first that others jump to.
func chains() []chain {
	return []chain{
		isolationChain(),
		{Chain: nft.Chain{Name: adminRules, Comment: "For rules that decide before the containers'"}},
		{Chain: nft.Chain{Name: unmatchedRules, Comment: "For rules about all that is neither from nor for a container"}},
		forward(),
	}
}

func isolationChain() chain {
	// An interface's name fills four registers of four bytes.
	const in, out = 0, unix.IFNAMSIZ / 4
	return chain{
		Chain: nft.Chain{Name: "isolation"},
		rules: []nft.Rule{
			{Exprs: []nft.Expr{
				nft.Meta(nft.Part(in), unix.NFT_META_IIFNAME), nft.Meta(nft.Part(out), unix.NFT_META_OIFNAME),
				nft.Decide(nft.Part(in), bridged),
			}},
			{Exprs: []nft.Expr{
				nft.Meta(nft.Register1, unix.NFT_META_IIFNAME), nft.In(nft.Register1, bridges),
				nft.Meta(nft.Register1, unix.NFT_META_OIFNAME), nft.In(nft.Register1, bridges),
				nft.Drop.End(),
			}},
		},
	}
}

func forward() chain {
	c := chain{Chain: nft.Chain{
		Name: "forward",
		Base: &nft.Base{Type: "filter", Hook: unix.NF_INET_FORWARD},
	}}
	c.rules = append(c.rules, jump(isolationChain().Name), jump(adminRules))
	c.rules = append(c.rules, ofContainers(net.IPv4zero, containers4, answers4)...)
	c.rules = append(c.rules, ofContainers(net.IPv6zero, containers6, answers6)...)
	c.rules = append(c.rules, jump(unmatchedRules))
	c.earlier = len(c.rules) - 2
	return c
}

// ofContainers returns the rules for the family of ip.
func ofContainers(ip net.IP, containers, answersOnly string) []nft.Rule {
	toContainer := []nft.Expr{nft.Load(nft.Register1, nft.Destination(ip)), nft.In(nft.Register1, containers)}
	return []nft.Rule{
		{Exprs: slices.Concat(nft.Protocol(ip), toContainer, nft.Tracked(unix.NFT_CT_STATE, trackedStates), []nft.Expr{nft.Accept.End()})},
		{Exprs: slices.Concat(nft.Protocol(ip), []nft.Expr{
			nft.Load(nft.Register1, nft.Source(ip)), nft.In(nft.Register1, containers), nft.Accept.End(),
		})},
		{Exprs: slices.Concat(nft.Redirected(), nft.Protocol(ip), toContainer, []nft.Expr{
			nft.NotIn(nft.Register1, answersOnly), nft.Accept.End(),
		})},
	}
}

func jump(chain string) nft.Rule { return nft.Rule{Exprs: []nft.Expr{nft.Jump(chain).End()}} }

// addSkeleton adds what all attachments have in common, as far as it is not
// there.
func addSkeleton(conn *nft.Conn, tx *nft.Transaction) error {
	complete, err := hasAllRules(conn)
	if err != nil || complete {
		return err
	}
	exists, err := conn.HasTable(table())
	if err != nil {
		return err
	}
	if !exists {
		tx.AddTable(table())
	}
	for _, s := range sets() {
		exists, err := conn.HasSet(table(), s.Name)
		if err != nil {
			return err
		}
		if !exists {
			tx.AddSet(table(), s)
		}
	}
	for _, c := range chains() {
		if err := conn.CompleteChain(tx, table(), c.Chain, c.rules); err != nil {
			return err
		}
	}
	return nil
}

// hasAllRules reports whether the chains that have rules have as many as they should.
// Then all the rest is there too, as the kernel deletes nothing that a rule refers to.
func hasAllRules(conn *nft.Conn) (bool, error) {
	for _, c := range []chain{forward(), isolationChain()} {
		found, err := conn.Rules(table(), c.Name)
		if err != nil || len(found) < len(c.rules) {
			return false, err
		}
	}
	return true, nil
}
