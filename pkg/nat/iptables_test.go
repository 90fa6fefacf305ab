package nat_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/owner"
)

const emptyNAT = `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
COMMIT
`

// withVariant runs a test with iptables and ip6tables being links to the tools
// of one variant, as on a node that has no other.
func withVariant(t *testing.T, variant string, test func(t *testing.T)) {
	t.Run(variant, func(t *testing.T) {
		dir := t.TempDir()
		for _, family := range []string{"iptables", "ip6tables"} {
			for _, suffix := range []string{"", "-save", "-restore"} {
				tool, err := exec.LookPath(family + "-" + variant + suffix)
				if err != nil {
					t.Skipf("iptables is not installed: %v", err)
				}
				if err := os.Symlink(tool, filepath.Join(dir, family+suffix)); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
		test(t)
	})
}

func TestIPTables(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		withVariant(t, variant, func(t *testing.T) { within(t, testIPTables) })
	}
}

func testIPTables() error {
	m := mustOpen("iptables")
	if err := m.Add(one, cidrs("10.88.0.5/16", "fd00::5/64"), nat.Options{}); err != nil {
		return err
	}
	have, err := saved("iptables")
	err = expect("IPv4", `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:CNI-9980bf65f61617e91ffcb025 - [0:0]
-A POSTROUTING -s 10.88.0.5/32 -m comment --comment "name: \"unit-test\" id: \"one\"" -j CNI-9980bf65f61617e91ffcb025
-A CNI-9980bf65f61617e91ffcb025 -d 10.88.0.0/16 -m comment --comment "name: \"unit-test\" id: \"one\" if: \"eth0\" ip: 10.88.0.5" -j ACCEPT
-A CNI-9980bf65f61617e91ffcb025 ! -d 224.0.0.0/4 -m comment --comment "name: \"unit-test\" id: \"one\"" -j MASQUERADE
COMMIT
`, have, err)
	if err != nil {
		return err
	}
	have, err = saved("ip6tables")
	err = expect("IPv6", `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:CNI-9980bf65f61617e91ffcb025 - [0:0]
-A POSTROUTING -s fd00::5/128 -m comment --comment "name: \"unit-test\" id: \"one\"" -j CNI-9980bf65f61617e91ffcb025
-A CNI-9980bf65f61617e91ffcb025 -d fd00::/64 -m comment --comment "name: \"unit-test\" id: \"one\" if: \"eth0\" ip: fd00::5" -j ACCEPT
-A CNI-9980bf65f61617e91ffcb025 ! -d ff00::/8 -m comment --comment "name: \"unit-test\" id: \"one\"" -j MASQUERADE
COMMIT
`, have, err)
	if err != nil {
		return err
	}
	if err := m.Check(one, cidrs("10.88.0.5/16", "fd00::5/64"), nat.Options{}); err != nil {
		return err
	}
	if err := m.Check(one, cidrs("10.88.0.6/16"), nat.Options{}); err == nil {
		return errors.New("CHECK accepts an address that is not masqueraded")
	}
	return errors.Join(nat.Del(one), nat.Del(one), expectEmpty())
}

// expectEmpty checks that neither family has rules left.
func expectEmpty() error {
	v4, err4 := saved("iptables")
	v6, err6 := saved("ip6tables")
	return errors.Join(expect("IPv4 after DEL", emptyNAT, v4, err4), expect("IPv6 after DEL", emptyNAT, v6, err6))
}

// Two interfaces of a container in one network share a chain. Each can go first,
// or never have been there.
func TestIPTablesShared(t *testing.T) {
	eth0, net1, net2 := one, one, one
	net1.IfName, net2.IfName = "net1", "net2"
	for _, variant := range []string{"nft", "legacy"} {
		withVariant(t, variant, func(t *testing.T) {
			for _, order := range [][]owner.Attachment{{eth0, net1}, {net1, eth0}} {
				within(t, func() error {
					m := mustOpen("iptables")
					first, second := order[0], order[1]
					addresses := map[string]string{"eth0": "10.88.0.5/16", "net1": "10.88.0.6/16"}
					err := errors.Join(
						m.Add(eth0, cidrs(addresses["eth0"]), nat.Options{}),
						m.Add(net1, cidrs(addresses["net1"]), nat.Options{}),
						m.Del(net2),
						m.Check(eth0, cidrs(addresses["eth0"]), nat.Options{}),
						m.Check(net1, cidrs(addresses["net1"]), nat.Options{}),
						m.Del(first),
						m.Del(first),
						m.Check(second, cidrs(addresses[second.IfName]), nat.Options{}),
					)
					if err != nil {
						return err
					}
					if m.Check(first, cidrs(addresses[first.IfName]), nat.Options{}) == nil {
						return errors.New("CHECK accepts what DEL removed")
					}
					return errors.Join(m.Del(second), expectEmpty())
				})
			}
		})
	}
}

// Where a ruleset was written and read back, which takes comments away, the addresses tell
// whose a rule of the shared chain is.
func TestIPTablesSharedRestored(t *testing.T) {
	net1 := one
	net1.IfName = "net1"
	withVariant(t, "nft", func(t *testing.T) {
		within(t, func() error {
			m := mustOpen("iptables")
			eth0, second := cidrs("10.88.0.5/16"), cidrs("10.88.0.6/16")
			return errors.Join(
				m.Add(one, eth0, nat.Options{}), m.Add(net1, second, nat.Options{}),
				each([]string{"nft list ruleset > /tmp/ruleset.$$; nft flush ruleset; nft -f /tmp/ruleset.$$; rm /tmp/ruleset.$$"}),
				m.Check(one, eth0, nat.Options{}), m.Check(net1, second, nat.Options{}),
				m.Repair([]nat.Masqueraded{{Attachment: one, Addresses: eth0}, {Attachment: net1, Addresses: second}}),
				m.Del(one, eth0...), m.Check(net1, second, nat.Options{}),
				m.GC(one.Network, nil, nat.Masqueraded{Attachment: net1, Addresses: second}),
				each([]string{"! nft list ruleset | grep CNI-"}),
			)
		})
	})
}

// Interfaces of a container that are added at once, and again with other addresses,
// take nothing from each other.
func TestIPTablesSharedParallel(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		withVariant(t, variant, func(t *testing.T) {
			n := node.New(t)
			err := n.Do(func() error {
				m := mustOpen("iptables")
				all := func(f func(a owner.Attachment, i int) error) error {
					errs := make([]error, 8)
					var running sync.WaitGroup
					for i := range errs {
						a := one
						a.IfName = fmt.Sprint("net", i)
						running.Go(func() { errs[i] = n.Do(func() error { return f(a, i) }) })
					}
					running.Wait()
					return errors.Join(errs...)
				}
				address := func(i, round int) []*net.IPNet { return cidrs(fmt.Sprintf("10.%d.%d.5/24", i, round)) }
				for range 3 {
					err := errors.Join(
						all(func(a owner.Attachment, i int) error {
							var errs []error
							for round := range 3 {
								errs = append(errs, m.Add(a, address(i, round), nat.Options{RandomFully: round == 1}), m.Check(a, address(i, round), nat.Options{}))
							}
							return errors.Join(errs...)
						}),
						all(func(a owner.Attachment, i int) error { return m.Check(a, address(i, 2), nat.Options{}) }),
						all(func(a owner.Attachment, _ int) error { return m.Del(a) }),
						expectEmptyIPv4(),
					)
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// A chain that lost its last rule gets it back from the next attachment.
func TestIPTablesRepaired(t *testing.T) {
	t.Parallel()
	net1 := one
	net1.IfName = "net1"
	within(t, func() error {
		m := mustOpen("iptables")
		if err := m.Add(one, cidrs("10.88.0.5/16"), nat.Options{}); err != nil {
			return err
		}
		if _, err := run("iptables", "-t", "nat", "-D", one.ChainName(""), "2"); err != nil {
			return err
		}
		if m.Check(one, cidrs("10.88.0.5/16"), nat.Options{}) == nil {
			return errors.New("CHECK accepts a chain that masquerades nothing")
		}
		return errors.Join(
			m.Add(net1, cidrs("10.88.0.6/16"), nat.Options{}),
			m.Check(one, cidrs("10.88.0.5/16"), nat.Options{}),
			m.Check(net1, cidrs("10.88.0.6/16"), nat.Options{}),
			m.Del(one), m.Del(net1), expectEmptyIPv4(),
		)
	})
}

func TestIPTablesReplace(t *testing.T) {
	withVariant(t, "nft", func(t *testing.T) {
		within(t, func() error {
			m := mustOpen("iptables")
			return errors.Join(
				m.Add(one, cidrs("10.88.0.5/16", "10.99.0.5/24"), nat.Options{}),
				m.Add(one, cidrs("10.88.0.6/16"), nat.Options{RandomFully: true}),
				m.Check(one, cidrs("10.88.0.6/16"), nat.Options{}),
				m.Del(one),
				expectEmpty(),
			)
		})
	})
}

// DEL and GC go on where others took something away, or put something.
func TestIPTablesDamaged(t *testing.T) {
	chain := one.ChainName("")
	for _, damage := range [][]string{
		{"-D", "POSTROUTING", "1"},
		{"-F", "POSTROUTING"},
		{"-F", chain},
		{"-D", chain, "1"},
		{"-A", "POSTROUTING", "-s", "10.88.0.0/16", "-m", "comment", "--comment", one.Comment(), "-j", chain},
	} {
		for _, clean := range []func(nat.Masquerade) error{
			func(m nat.Masquerade) error { return m.Del(one) },
			func(m nat.Masquerade) error {
				return m.GC(one.Network, []owner.Attachment{two}, nat.Masqueraded{Attachment: one})
			},
		} {
			within(t, func() error {
				m := mustOpen("iptables")
				if err := m.Add(one, cidrs("10.88.0.5/16"), nat.Options{}); err != nil {
					return err
				}
				if _, err := run("iptables", append([]string{"-t", "nat"}, damage...)...); err != nil {
					return err
				}
				if err := errors.Join(clean(m), expectEmptyIPv4()); err != nil {
					return fmt.Errorf("after iptables %s: %w", strings.Join(damage, " "), err)
				}
				return nil
			})
		}
	}
}

func expectEmptyIPv4() error {
	have, err := saved("iptables")
	return expect("IPv4", emptyNAT, have, err)
}

// What upstream's ADD made is found without a record, also in its older form with
// a jump by subnet.
func TestIPTablesOfUpstream(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"10.88.0.5", "10.88.0.5/16"} {
		within(t, func() error {
			chain := one.ChainName("")
			comment := []string{"-m", "comment", "--comment", one.Comment()}
			for _, args := range [][]string{
				{"-N", chain},
				append([]string{"-A", chain, "-d", "10.88.0.5/16", "-j", "ACCEPT"}, comment...),
				append([]string{"-A", chain, "!", "-d", "224.0.0.0/4", "-j", "MASQUERADE"}, comment...),
				append([]string{"-A", "POSTROUTING", "-s", source, "-j", chain}, comment...),
			} {
				if _, err := run("iptables", append([]string{"-t", "nat"}, args...)...); err != nil {
					return err
				}
			}
			m := mustOpen("iptables")
			return errors.Join(m.Check(one, cidrs("10.88.0.5/16"), nat.Options{}), m.GC(one.Network, []owner.Attachment{one}), m.Check(one, cidrs("10.88.0.5/16"), nat.Options{}), m.Del(one), expectEmptyIPv4())
		})
	}
}
