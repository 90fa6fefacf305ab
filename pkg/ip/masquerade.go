//go:build linux

package ip

import (
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
// whichever backend. The addresses are needed only where somebody took the comments of
// iptables away and interfaces share a chain.
func TeardownIPMasqForNetworks(ipns []*net.IPNet, network, ifname, containerID string) error {
	return nat.Del(owner.Attachment{Network: network, ContainerID: containerID, IfName: ifname}, ipns...)
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
	return iptables.Change(masqTable, []iptables.Family{m.family}, func(t *iptables.Table) error {
		if !t.HasChain(chain) {
			t.NewChain(chain)
		}
		for _, r := range m.rules {
			if !t.Has(chain, r) {
				t.Append(chain, r)
			}
		}
		if jump := m.jump(HostNet(ipn.IP)); !t.Has(masqHook, jump) {
			t.Append(masqHook, jump)
		}
		return nil
	})
}

// TeardownIPMasq removes the chain, with its jumps from the address and, as older
// versions made them, from the network. What does not exist is no error.
//
// Deprecated: use TeardownIPMasqForNetworks.
func TeardownIPMasq(ipn *net.IPNet, chain string, comment string) error {
	m := newMasqChain(ipn, chain, comment)
	return iptables.Remove(masqTable, func(t *iptables.Table) error {
		if t.Family != m.family || !t.HasChain(chain) {
			return nil
		}
		for _, source := range []*net.IPNet{HostNet(ipn.IP), Network(ipn)} {
			t.Delete(masqHook, t.Like(masqHook, m.jump(source))...)
		}
		t.DeleteChain(chain)
		return nil
	}).Run()
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

func (m masqChain) jump(source *net.IPNet) iptables.Rule {
	return slices.Concat([]string{"-s", source.String()}, iptables.Comment(m.comment), []string{"-j", m.name})
}
