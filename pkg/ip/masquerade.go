//go:build linux

package ip

import (
	"errors"
	"net"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/containernetworking/plugins/pkg/iptables"
	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/owner"
)

// SetupIPMasqForNetworks masquerades what the addresses send beyond their
// network, unless it is multicast. The backend is "iptables", "nftables" or, if
// nil, chosen as nat.Open says.
func SetupIPMasqForNetworks(backend *string, ipns []*net.IPNet, network, ifname, containerID string) error {
	m, err := nat.Open(backend)
	if err != nil {
		return err
	}
	a := owner.Attachment{Network: network, ContainerID: containerID, IfName: ifname}
	return m.Add(a, ipns, nat.Options{})
}

// TeardownIPMasqForNetworks removes what SetupIPMasqForNetworks made, by
// whichever backend. The addresses are not needed.
func TeardownIPMasqForNetworks(_ []*net.IPNet, network, ifname, containerID string) error {
	return nat.Del(owner.Attachment{Network: network, ContainerID: containerID, IfName: ifname})
}

// GCIPMasqForNetwork removes what SetupIPMasqForNetworks made for attachments of
// the network that are not in the list.
func GCIPMasqForNetwork(network string, attachments []types.GCAttachment) error {
	valid := make([]owner.Attachment, len(attachments))
	for i, a := range attachments {
		valid[i] = owner.Attachment{Network: network, ContainerID: a.ContainerID, IfName: a.IfName}
	}
	return nat.GC(network, valid)
}

// SetupIPMasq masquerades what the address sends beyond its network, unless it is
// multicast, by an iptables chain and comment of the caller's choice. Rules that
// exist stay as they are.
//
// Deprecated: use SetupIPMasqForNetworks.
func SetupIPMasq(ipn *net.IPNet, chain string, comment string) error {
	m := newMasqChain(ipn, chain, comment)
	tx := m.transaction()
	rules, exists, err := iptables.List(m.family, masqTable, chain)
	if err != nil {
		return err
	}
	if !exists {
		tx.NewChain(chain)
	}
	jumps, _, err := iptables.List(m.family, masqTable, masqHook)
	if err != nil {
		return err
	}
	for _, r := range m.rules {
		if !contains(rules, r) {
			tx.Append(chain, r)
		}
	}
	if !contains(jumps, m.jump(HostNet(ipn.IP))) {
		tx.Append(masqHook, m.jump(HostNet(ipn.IP)))
	}
	return errors.Join(iptables.Apply(tx)...)
}

// TeardownIPMasq removes the chain, with its jumps from the address and, as older
// versions made them, from the network. What does not exist is no error.
//
// Deprecated: use TeardownIPMasqForNetworks.
func TeardownIPMasq(ipn *net.IPNet, chain string, comment string) error {
	m := newMasqChain(ipn, chain, comment)
	_, exists, err := iptables.List(m.family, masqTable, chain)
	if err != nil || !exists {
		return err
	}
	jumps, _, err := iptables.List(m.family, masqTable, masqHook)
	if err != nil {
		return err
	}
	tx := m.transaction()
	for _, source := range []*net.IPNet{HostNet(ipn.IP), Network(ipn)} {
		if contains(jumps, m.jump(source)) {
			tx.Delete(masqHook, m.jump(source))
		}
	}
	tx.DeleteChain(chain)
	return errors.Join(iptables.Apply(tx)...)
}

// The table and chain that iptables has for it.
const (
	masqTable = "nat"
	masqHook  = "POSTROUTING"
)

// masqChain is a chain of SetupIPMasq.
type masqChain struct {
	family        iptables.Family
	name, comment string
	rules         []iptables.Rule
}

func newMasqChain(ipn *net.IPNet, name, comment string) masqChain {
	m := masqChain{family: iptables.IPv4, name: name, comment: comment}
	multicast := "224.0.0.0/4"
	if ipn.IP.To4() == nil {
		m.family, multicast = iptables.IPv6, "ff00::/8"
	}
	m.rules = []iptables.Rule{
		slices.Concat([]string{"-d", Network(ipn).String()}, iptables.Comment(comment), []string{"-j", "ACCEPT"}),
		slices.Concat([]string{"!", "-d", multicast}, iptables.Comment(comment), []string{"-j", "MASQUERADE"}),
	}
	return m
}

func (m masqChain) transaction() *iptables.Transaction {
	return &iptables.Transaction{Family: m.family, Table: masqTable}
}

func (m masqChain) jump(source *net.IPNet) iptables.Rule {
	return slices.Concat([]string{"-s", source.String()}, iptables.Comment(m.comment), []string{"-j", m.name})
}

func contains(rules []iptables.Listed, rule iptables.Rule) bool {
	return slices.ContainsFunc(rules, func(l iptables.Listed) bool { return slices.Equal(l.Rule, rule) })
}
