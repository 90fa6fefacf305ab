package nat_test

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/plugins/pkg/nat"
	"github.com/containernetworking/plugins/pkg/owner"
)

const skeleton = `table inet cni_plugins_masquerade {
	comment "Masquerading for plugins from github.com/containernetworking/plugins"
	set attachments {
		type mark . mark . mark . mark . mark
		flags timeout
	}

	chain masq_checks {
		comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip daddr 224.0.0.0/4 return
		ip6 daddr ff00::/8 return
		goto masq_checks
	}
}
`

func TestNFTables(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		m := mustOpen("nftables")
		if err := m.Add(one, cidrs("10.88.0.5/16", "fd00::5/64"), nat.Options{}); err != nil {
			return err
		}
		have, err := ruleset()
		err = expect("one attachment", `table inet cni_plugins_masquerade {
	comment "Masquerading for plugins from github.com/containernetworking/plugins"
	set attachments {
		type mark . mark . mark . mark . mark
		flags timeout
		elements = { 0x6fd94d50 . 0x1e58f0aa . 0x287fc69e . 0xff0574a2 . 0x00000000 comment "10.88.0.5 ip_10.88.0.0/16",
			     0x6fd94d50 . 0x1e58f0aa . 0x287fc69e . 0xff0574a2 . 0x00000001 comment "fd00::5 ip6_fd00__/64" }
	}

	set ip_10.88.0.0/16 {
		type ipv4_addr
		flags timeout
		elements = { 10.88.0.5 comment "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one" }
	}

	set ip6_fd00__/64 {
		type ipv6_addr
		flags timeout
		elements = { fd00::5 comment "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one" }
	}

	chain masq_checks {
		comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"
		ip saddr @ip_10.88.0.0/16 ip daddr != 10.88.0.0/16 masquerade comment "ip_10.88.0.0/16"
		ip6 saddr @ip6_fd00__/64 ip6 daddr != fd00::/64 masquerade comment "ip6_fd00__/64"
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip daddr 224.0.0.0/4 return
		ip6 daddr ff00::/8 return
		goto masq_checks
	}
}
`, sortElements(have), err)
		if err != nil {
			return err
		}
		if err := reload(have); err != nil {
			return err
		}
		if err := m.Check(one, cidrs("10.88.0.5/16", "fd00::5/64"), nat.Options{}); err != nil {
			return fmt.Errorf("CHECK after reload: %w", err)
		}
		err = m.Check(one, cidrs("10.88.0.6/16"), nat.Options{})
		if err == nil || err.Error() != "not masqueraded: 10.88.0.6/16" {
			return fmt.Errorf("CHECK of another address: %v", err)
		}
		if err := nat.Del(one); err != nil {
			return err
		}
		have, err = ruleset()
		return expect("after DEL", skeleton, have, err)
	})
}

// sortElements puts the elements of the set attachments in order, which the
// kernel does not.
func sortElements(ruleset string) string {
	const first, second = "0x00000000 comment", "0x00000001 comment"
	if strings.Index(ruleset, second) > strings.Index(ruleset, first) {
		return ruleset
	}
	lines := strings.Split(ruleset, "\n")
	for i, l := range lines {
		if strings.Contains(l, "elements = {") && strings.Contains(l, second) {
			a := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(l), "elements = { "), ",")
			b := strings.TrimSuffix(strings.TrimSpace(lines[i+1]), " }")
			lines[i], lines[i+1] = "\t\telements = { "+b+",", "\t\t\t     "+a+" }"
			break
		}
	}
	return strings.Join(lines, "\n")
}

// reload replaces the ruleset by its own dump, as the service of a distribution
// does when the node starts.
func reload(dump string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader("flush ruleset\n" + dump)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("reload ruleset: %w: %s", err, out)
	}
	return nil
}

func TestNFTablesRandomFully(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		m := mustOpen("nftables")
		if err := m.Add(one, cidrs("10.88.0.5/32", "fd00::5/128"), nat.Options{RandomFully: true}); err != nil {
			return err
		}
		have, err := run("nft", "list", "chain", "inet", "cni_plugins_masquerade", "masq_checks")
		return expect("rules", `table inet cni_plugins_masquerade {
	chain masq_checks {
		comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"
		ip saddr @ip_hosts_fully-random masquerade fully-random comment "ip_hosts_fully-random"
		ip6 saddr @ip6_hosts_fully-random masquerade fully-random comment "ip6_hosts_fully-random"
	}
}
`, have, err)
	})
}

// An ADD replaces what the attachment had, and takes an address over from an
// attachment that was never deleted, whose DEL then leaves it alone.
func TestNFTablesReplace(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		m := mustOpen("nftables")
		err := errors.Join(
			m.Add(one, cidrs("10.88.0.5/16", "10.99.0.5/24"), nat.Options{}),
			m.Add(one, cidrs("10.88.0.6/16"), nat.Options{}),
			m.Add(one, cidrs("10.88.0.6/16"), nat.Options{}),
			m.Check(one, cidrs("10.88.0.6/16"), nat.Options{}),
			m.Add(two, cidrs("10.88.0.6/16"), nat.Options{}),
			m.Del(one),
			m.Check(two, cidrs("10.88.0.6/16"), nat.Options{}),
		)
		if err != nil {
			return err
		}
		if m.Check(one, cidrs("10.88.0.6/16"), nat.Options{}) == nil {
			return errors.New("the address belongs to its first owner still")
		}
		err = errors.Join(m.Del(two), m.Del(two))
		have, dumpErr := ruleset()
		return expect("after DEL", skeleton, have, errors.Join(err, dumpErr))
	})
}

// What somebody who was killed has left without addresses is nobody's, and goes with the
// next GC, whatever the network.
func TestNFTablesForgotten(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		m := mustOpen("nftables")
		err := m.Add(one, cidrs("10.88.0.5/16", "10.77.1.5/32", "fd00::5/64"), nat.Options{Exclude: cidrs("10.0.0.0/8")})
		if err != nil {
			return err
		}
		before, err := ruleset()
		if err != nil {
			return err
		}
		for line := range strings.Lines(before) {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "set" && !strings.HasSuffix(fields[1], "_networks") {
				if _, err := run("nft", "flush", "set", "inet", "cni_plugins_masquerade", fields[1]); err != nil {
					return err
				}
			}
		}
		err = errors.Join(
			m.Add(two, cidrs("10.99.0.5/24"), nat.Options{}),
			m.GC("alternate", nil),
			m.Check(two, cidrs("10.99.0.5/24"), nat.Options{}),
			m.Del(two),
		)
		have, dumpErr := ruleset()
		return expect("after GC", skeleton, have, errors.Join(err, dumpErr))
	})
}

// Of attachments with one address, each is masqueraded until its own DEL, or GC, in whatever
// order they come and go, also after a repair.
func TestNFTablesShared(t *testing.T) {
	t.Parallel()
	address := cidrs("10.88.0.5/16", "fd00::5/64")
	three := owner.Attachment{Network: "unit-test", ContainerID: "three", IfName: "eth0"}
	m := mustOpen("nftables")
	del := func(a owner.Attachment) error { return m.Del(a) }
	collect := func(a owner.Attachment) error {
		valid := slices.DeleteFunc([]owner.Attachment{one, two, three}, func(b owner.Attachment) bool { return a == b })
		return m.GC("unit-test", valid)
	}
	again := func(owner.Attachment) error { return nil }
	repaired := func(owner.Attachment) error {
		all := []nat.Masqueraded{{Attachment: one, Addresses: address}, {Attachment: two, Addresses: address}, {Attachment: three, Addresses: address}}
		_, err := run("nft", "flush", "ruleset")
		return errors.Join(err, m.Repair(all))
	}
	readd := func(a owner.Attachment) error { return m.Add(a, address, nat.Options{}) }
	for _, remove := range []func(owner.Attachment) error{del, collect} {
		for _, prepare := range []func(owner.Attachment) error{again, repaired, readd} {
			for _, order := range [][]owner.Attachment{{one, two, three}, {one, three, two}, {two, one, three}, {two, three, one}, {three, one, two}, {three, two, one}} {
				within(t, func() error {
					for _, a := range []owner.Attachment{one, two, three} {
						if err := m.Add(a, address, nat.Options{}); err != nil {
							return err
						}
					}
					if err := prepare(two); err != nil {
						return err
					}
					for i := range order {
						for _, a := range order[i:] {
							if err := m.Check(a, address, nat.Options{}); err != nil {
								return fmt.Errorf("%s, after %d of %v: %w", a.ContainerID, i, order, err)
							}
						}
						if err := remove(order[i]); err != nil {
							return err
						}
					}
					have, err := ruleset()
					return expect("after all", skeleton, have, err)
				})
			}
		}
	}
}

// However many networks are excluded, a downgrade makes rules for them that go with the
// attachment's.
func TestNFTablesDowngradeManyNetworks(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		m, addresses, many := mustOpen("nftables"), cidrs("10.88.0.5/16", "fd00::5/64"), nat.Options{Exclude: manyNetworks(500)}
		err := errors.Join(
			m.Add(one, addresses, many),
			m.Downgrade([]nat.Masqueraded{{Attachment: one, Addresses: addresses, Options: many}}),
			m.Check(one, addresses, many),
		)
		if err != nil {
			return err
		}
		before, err := run("nft", "-a", "list", "ruleset")
		if returns := strings.Count(before, "return comment"); returns != 1000 || err != nil {
			return fmt.Errorf("%d rules for networks: %w", returns, err)
		}
		for line := range strings.Lines(before) {
			if fields := strings.Fields(line); strings.Contains(line, "masquerade comment") {
				_, err = run("nft", "delete", "rule", "inet", "cni_plugins_masquerade", "masq_checks", "handle", fields[len(fields)-1])
			}
		}
		if err != nil || m.Check(one, addresses, many) == nil {
			return fmt.Errorf("CHECK takes rules for networks for masquerading: %w", err)
		}
		err = m.Del(one)
		after, dumpErr := ruleset()
		if strings.Contains(after, one.Prefix()) {
			err = errors.New("rules are left")
		}
		return errors.Join(err, dumpErr)
	})
}

// Upstream has a rule for each address. DEL and GC remove it, CHECK accepts it.
func TestNFTablesOfUpstream(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		for _, a := range []owner.Attachment{one, two, other} {
			if err := addUpstreams(a, "10.88.0.5"); err != nil {
				return err
			}
		}
		m := mustOpen("nftables")
		if err := m.Check(one, cidrs("10.88.0.5/16"), nat.Options{}); err != nil {
			return err
		}
		// Each leaves what the other one made alone.
		ours := owner.Attachment{Network: "ours", ContainerID: "four", IfName: "eth0"}
		if err := errors.Join(
			m.Add(ours, cidrs("10.88.0.9/16"), nat.Options{}),
			addUpstreams(other, "10.88.0.6"),
			m.Check(ours, cidrs("10.88.0.9/16"), nat.Options{}),
		); err != nil {
			return err
		}
		before, err := ruleset()
		if err != nil {
			return err
		}
		if err := m.Del(one); err != nil {
			return err
		}
		have, err := ruleset()
		if err := expect("after DEL", without(before, one.Tag()), have, err); err != nil {
			return err
		}
		if err := m.GC("unit-test", nil); err != nil {
			return err
		}
		have, err = ruleset()
		return expect("after GC", without(before, one.Tag(), two.Tag()), have, err)
	})
}

// without returns a dump without the lines that have one of the texts.
func without(dump string, texts ...string) string {
	var kept []string
	for line := range strings.Lines(dump) {
		has := false
		for _, text := range texts {
			has = has || strings.Contains(line, text)
		}
		if !has {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// addUpstreams makes what upstream's ADD makes.
func addUpstreams(a owner.Attachment, ip string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(`
add table inet cni_plugins_masquerade { comment "Masquerading for plugins from github.com/containernetworking/plugins"; }
add chain inet cni_plugins_masquerade masq_checks { comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"; }
add chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority 100; }
flush chain inet cni_plugins_masquerade postrouting
add rule inet cni_plugins_masquerade postrouting ip daddr == 224.0.0.0/4 return
add rule inet cni_plugins_masquerade postrouting ip6 daddr == ff00::/8 return
add rule inet cni_plugins_masquerade postrouting goto masq_checks
add rule inet cni_plugins_masquerade masq_checks ip saddr == ` + ip + ` ip daddr != 10.88.0.0/16 masquerade comment "` + a.Tag() + `"
`)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make upstream's rules: %w: %s", err, out)
	}
	return nil
}
