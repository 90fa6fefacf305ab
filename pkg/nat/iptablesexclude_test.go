package nat_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/pkg/nat"
)

// manyNetworks are n of each family.
func manyNetworks(n int) []*net.IPNet {
	var texts []string
	for i := range n {
		texts = append(texts, fmt.Sprintf("172.%d.%d.0/24", 16+i/256, i%256), fmt.Sprintf("2001:db8:%x::/48", 1+i))
	}
	return cidrs(texts...)
}

// A long list is a tree of chains. Lists that are alike in parts share those; what is damaged in
// any of them is told and repaired, and the last one leaves nothing.
func TestExcludeTree(t *testing.T) {
	addresses := cidrs("10.88.0.5/16", "fd00::5/64")
	long, longer := nat.Options{Exclude: manyNetworks(500)}, nat.Options{Exclude: append(manyNetworks(500), cidrs("192.0.2.0/24", "2001:db9::/32")...)}
	for _, variant := range []string{"nft", "legacy"} {
		withVariant(t, variant, func(t *testing.T) {
			within(t, func() error {
				m := mustOpen("iptables")
				err := errors.Join(m.Add(one, addresses, long), m.Add(two, addresses, longer),
					m.Check(one, addresses, long), m.Check(two, addresses, longer))
				if err != nil {
					return err
				}
				if m.Check(one, addresses, longer) == nil {
					return errors.New("CHECK takes one list for the other")
				}
				all := []nat.Masqueraded{{Attachment: one, Addresses: addresses, Options: long}, {Attachment: two, Addresses: addresses, Options: longer}}
				before, err := sortedRules()
				if err != nil {
					return err
				}
				for _, damage := range []string{
					`iptables-save -t nat | sed -n 's/^-A \(CNI-SPARE.* -d 172.17.3.0.24\)/iptables -t nat -D \1/p' | sh -e`,
					`ip6tables-save -t nat | sed -n 's/^:\(CNI-SPARE[^ ]*\).*/ip6tables -t nat -F \1/p' | tail -n 3 | sh -e`,
					`iptables -t nat -F; ip6tables -t nat -F`,
				} {
					if err := each([]string{damage}); err != nil {
						return err
					}
					if m.Check(one, addresses, long) == nil {
						return fmt.Errorf("CHECK is content after %s", damage)
					}
					if err := errors.Join(m.Repair(all), m.Check(one, addresses, long), m.Check(two, addresses, longer)); err != nil {
						return fmt.Errorf("after %s: %w", damage, err)
					}
					after, err := sortedRules()
					if err := expect("after "+damage, before, after, err); err != nil {
						return err
					}
				}
				return errors.Join(m.Del(two), m.Check(one, addresses, long), m.Del(one), expectEmpty())
			})
		})
	}
}

// sortedRules returns the rules of iptables for both families, in alphabetical order.
func sortedRules() (string, error) {
	rules4, err4 := saved("iptables")
	rules6, err6 := saved("ip6tables")
	lines := strings.Split(rules4+rules6, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n"), errors.Join(err4, err6)
}

// Interfaces of one container that were added with different lists keep their own.
func TestExcludeByInterface(t *testing.T) {
	net1 := one
	net1.IfName = "net1"
	for _, variant := range []string{"nft", "legacy"} {
		withVariant(t, variant, func(t *testing.T) {
			within(t, func() error {
				m := mustOpen("iptables")
				first, second := cidrs("10.88.0.5/16", "fd00::5/64"), cidrs("10.88.0.6/16", "fd00::6/64")
				few, other := nat.Options{Exclude: manyNetworks(2)}, nat.Options{Exclude: cidrs("192.0.2.0/24", "2001:db9::/32")}
				checks := func() error {
					return errors.Join(m.Check(one, first, few), m.Check(net1, second, other))
				}
				err := errors.Join(m.Add(one, first, few), m.Add(net1, second, other), checks(), m.Add(one, first, few), checks(), m.Add(net1, second, few))
				if err != nil {
					return err
				}
				if checks() == nil {
					return errors.New("CHECK does not see the list that an interface got since")
				}
				return errors.Join(m.Add(net1, second, other), checks(), m.Del(one), m.Check(net1, second, other), m.Del(net1), expectEmpty())
			})
		})
	}
}
