package spoof_test

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/owner"
	"github.com/containernetworking/plugins/pkg/spoof"
)

// within runs f on a node of its own. As it runs on a goroutine of its
// own, f returns errors rather than to call t.Fatal.
func within(t testing.TB, f func() error) {
	t.Helper()
	if err := node.New(t).Do(f); err != nil {
		t.Fatal(err)
	}
}

var (
	one   = owner.Attachment{Network: "unit-test", ContainerID: "one", IfName: "eth0"}
	two   = owner.Attachment{Network: "unit-test", ContainerID: "two", IfName: "eth0"}
	other = owner.Attachment{Network: "alternate", ContainerID: "three", IfName: "net1"}
)

// cidrs parses addresses; they keep their host part.
func cidrs(texts ...string) []*net.IPNet {
	out := []*net.IPNet{}
	for _, s := range texts {
		ip, n, err := net.ParseCIDR(s)
		if err != nil {
			panic(err)
		}
		n.IP = ip
		out = append(out, n)
	}
	return out
}

// mac returns the nth hardware address.
func mac(n int) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, byte(n >> 8), byte(n)} }

// run runs a tool and returns what it prints.
func run(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// ruleset returns all state of nftables.
func ruleset() (string, error) { return run("nft", "list", "ruleset") }

// load runs commands of nft(8).
func load(commands string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

// expectRuleset compares the state of nftables.
func expectRuleset(what, want string) error {
	have, err := ruleset()
	if err != nil {
		return err
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(have, "\n")); diff != "" {
		return fmt.Errorf("%s (-want +have):\n%s", what, diff)
	}
	return nil
}

// golden is the ruleset with elements in the places of the verbs.
const golden = `table bridge cni_plugins_spoof {
	comment "Who may send what, for plugins from github.com/containernetworking/plugins"
	set attachments {
		type mark . mark . mark . mark . mark
		flags timeout%s
	}

	set ports {
		type ifname
		flags timeout%s
	}

	set macs {
		type ifname . ether_addr
		flags timeout%s
	}

	set address_ports {
		type ifname
		flags timeout%s
	}

	set ipv4 {
		type ifname . ipv4_addr
		flags timeout%s
	}

	set ipv6 {
		type ifname . ipv6_addr
		flags timeout%s
	}

	set options {
		typeof iifname . @th,192,64
		flags timeout%s
	}

	set targets {
		typeof iifname . @th,64,128
		flags timeout
	}

	chain own_targets {
		iifname . @th,64,128 @targets return
		drop
	}

	chain addresses {
		iifname . ip saddr @ipv4 accept
		icmpv6 type nd-neighbor-advert jump own_targets
		icmpv6 type nd-neighbor-solicit ip6 saddr :: jump own_targets
		iifname . ip6 saddr @ipv6 accept
		iifname . arp saddr ip @ipv4 accept
		arp saddr ip 0.0.0.0 accept
		ip saddr 0.0.0.0 udp dport 67 accept
		ip6 saddr :: meta l4proto ipv6-icmp accept
		drop
	}

	chain arp_senders {
		arp htype 1 arp ptype ip arp hlen 6 arp plen 4 iifname . arp saddr ether @macs return
		drop
	}

	chain router_solicitations {
		ip6 length 8 ip6 nexthdr ipv6-icmp return
		ip6 length 16 ip6 nexthdr ipv6-icmp iifname . @th,64,64 @options return
		drop
	}

	chain solicitations {
		ip6 length 32 ip6 nexthdr ipv6-icmp @th,192,16 0xe01 return
		ip6 length 24 ip6 nexthdr ipv6-icmp return
		ip6 length 32 ip6 nexthdr ipv6-icmp iifname . @th,192,64 @options return
		drop
	}

	chain advertisements {
		ip6 length 24 ip6 nexthdr ipv6-icmp return
		ip6 length 32 ip6 nexthdr ipv6-icmp iifname . @th,192,64 @options return
		drop
	}

	chain neighbour_discovery {
		icmpv6 type nd-router-solicit jump router_solicitations
		icmpv6 type nd-neighbor-solicit jump solicitations
		icmpv6 type nd-neighbor-advert jump advertisements
	}

	chain senders {
		meta protocol arp jump arp_senders
		meta l4proto ipv6-icmp jump neighbour_discovery
		iifname @address_ports goto addresses
	}

	chain frames {
		iifname . ether saddr @macs goto senders
		drop
	}

	chain prerouting {
		type filter hook prerouting priority dstnat; policy accept;
		iifname @ports goto frames
	}
}
`

// empty is what stays after the first attachment.
func empty() string { return fmt.Sprintf(golden, "", "", "", "", "", "", "") }

func TestRuleset(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		p := spoof.Port{Name: "veth1", MAC: mac(1)}
		if err := spoof.Add(one, p); err != nil {
			return err
		}
		// The kernel has the options in any order.
		source, target := "0x101020000000001", "0x201020000000001"
		have, err := ruleset()
		if err != nil {
			return err
		}
		if strings.Index(have, target) < strings.Index(have, source) {
			source, target = target, source
		}
		const tag = `comment "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one" }`
		want := fmt.Sprintf(golden,
			`
		elements = { 0x6fd94d50 . 0x1e58f0aa . 0x287fc69e . 0xff0574a2 . 0x00000000 comment "veth1 02:00:00:00:00:01" }`,
			"\n\t\telements = { \"veth1\" "+tag,
			"\n\t\telements = { \"veth1\" . 02:00:00:00:00:01 "+tag,
			"", "", "", fmt.Sprintf(`
		elements = { "veth1" . %s %s,
			     "veth1" . %s %s`, source, strings.TrimSuffix(tag, " }"), target, tag))
		if err := expectRuleset("one attachment", want); err != nil {
			return err
		}
		if err := errors.Join(spoof.Check(one, p), spoof.Del(one)); err != nil {
			return err
		}
		return expectRuleset("after DEL", empty())
	})
}

// With addresses, which may come later. The ruleset can be saved and loaded.
func TestAddresses(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		p := spoof.Port{Name: "veth1", MAC: mac(1), Addresses: cidrs("10.0.0.2/24")}
		more := cidrs("10.0.0.2/24", "10.0.0.3/24", "fd00::3/64", "fe80::ff:fe00:1/64", "fd00::3/64")
		if err := errors.Join(spoof.Add(one, p), spoof.Check(one, p), spoof.Allow(one, more), spoof.Check(one, p)); err != nil {
			return err
		}
		dump, err := ruleset()
		if err != nil {
			return err
		}
		if err := load("flush ruleset\n" + dump); err != nil {
			return err
		}
		p.Addresses = more
		if err := spoof.Check(one, p); err != nil {
			return err
		}
		p.Addresses = cidrs("10.0.0.4/24")
		err = spoof.Check(one, p)
		if err == nil || err.Error() != `spoof-check of "veth1": not in the ruleset: 10.0.0.4` {
			return fmt.Errorf("CHECK of another address: %v", err)
		}
		if err := spoof.Del(one); err != nil {
			return err
		}
		return expectRuleset("after DEL", empty())
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		p := spoof.Port{Name: "veth1", MAC: mac(1)}
		if err := spoof.Add(one, p); err != nil {
			return err
		}
		strict := spoof.Port{Name: "veth1", MAC: mac(1), Addresses: cidrs()}
		for text, port := range map[string]spoof.Port{
			"02:00:00:00:00:02": {Name: "veth1", MAC: mac(2)},
			"02:00:00:00:00:01": {Name: "veth2", MAC: mac(1)},
			"02:00:00:00:00:01 and addresses, fe80::ff:fe00:1": strict,
		} {
			err := spoof.Check(one, port)
			want := fmt.Sprintf("spoof-check of %q: not in the ruleset: %s", port.Name, text)
			if err == nil || err.Error() != want {
				return fmt.Errorf("error %v, want %s", err, want)
			}
		}
		if spoof.Check(two, p) == nil {
			return errors.New("CHECK takes another attachment's port")
		}
		if err := load("flush chain bridge cni_plugins_spoof frames"); err != nil {
			return err
		}
		err := spoof.Check(one, p)
		if err == nil || !strings.Contains(err.Error(), "chain bridge cni_plugins_spoof frames has 0 rules instead of 2") {
			return fmt.Errorf("CHECK without rules: %v", err)
		}
		return nil
	})
}

// An ADD replaces what the attachment had, and what another one that was never
// deleted left under the name of its port.
func TestReplace(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		first := spoof.Port{Name: "veth1", MAC: mac(1), Addresses: cidrs("10.0.0.2/24")}
		second := spoof.Port{Name: "veth1", MAC: mac(2)}
		err := errors.Join(
			spoof.Add(one, first),
			spoof.Add(one, first),
			spoof.Add(one, second),
			spoof.Add(one, first),
			spoof.Add(two, second),
			spoof.Check(two, second),
			spoof.Del(one),
			spoof.Check(two, second),
		)
		if err != nil {
			return err
		}
		if err := spoof.Allow(one, cidrs("10.0.0.2/24")); err == nil {
			return errors.New("ALLOW of a port that is gone")
		}
		if err := errors.Join(spoof.Del(two), spoof.Del(two)); err != nil {
			return err
		}
		return expectRuleset("after DEL", empty())
	})
}

func TestGC(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		all := map[owner.Attachment]spoof.Port{
			one:   {Name: "veth1", MAC: mac(1), Addresses: cidrs("10.0.0.1/24", "fd00::1/64")},
			two:   {Name: "veth2", MAC: mac(2)},
			other: {Name: "veth3", MAC: mac(3), Addresses: cidrs()},
		}
		for a, p := range all {
			if err := spoof.Add(a, p); err != nil {
				return err
			}
		}
		for i, step := range []struct {
			network     string
			valid, left []owner.Attachment
		}{
			{"unit-test", []owner.Attachment{one, two}, []owner.Attachment{one, two, other}},
			{"nothing", nil, []owner.Attachment{one, two, other}},
			{"unit-test", []owner.Attachment{two}, []owner.Attachment{two, other}},
			{"unit-test", nil, []owner.Attachment{other}},
			{"alternate", nil, nil},
		} {
			if err := spoof.GC(step.network, step.valid); err != nil {
				return err
			}
			left := map[owner.Attachment]bool{}
			for _, a := range step.left {
				left[a] = true
			}
			for a, p := range all {
				if err := spoof.Check(a, p); (err == nil) != left[a] {
					return fmt.Errorf("GC %d: CHECK of %v: %v", i, a, err)
				}
			}
		}
		return expectRuleset("after GC", empty())
	})
}

// Nothing is made by looking.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		if err := errors.Join(spoof.Del(one), spoof.GC("unit-test", nil), (&spoof.Conf{MACSpoofChk: true}).Available()); err != nil {
			return err
		}
		if spoof.Check(one, spoof.Port{Name: "veth1", MAC: mac(1)}) == nil {
			return errors.New("CHECK finds what nobody made")
		}
		return expectRuleset("ruleset", "")
	})
}

// A hundred attachments come and go at once, without an error and without a
// trace.
func TestParallel(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		here, err := ns.GetCurrentNS()
		if err != nil {
			return err
		}
		defer here.Close()
		all := func(f func(owner.Attachment, spoof.Port) error) error {
			errs := make([]error, 100)
			var running sync.WaitGroup
			for i := range errs {
				running.Go(func() {
					a := owner.Attachment{Network: "unit-test", ContainerID: fmt.Sprint(i), IfName: "eth0"}
					p := spoof.Port{Name: fmt.Sprint("veth", i), MAC: mac(i), Addresses: cidrs(fmt.Sprintf("10.0.0.%d/24", i+1))}
					errs[i] = here.Do(func(ns.NetNS) error { return f(a, p) })
				})
			}
			running.Wait()
			return errors.Join(errs...)
		}
		err = errors.Join(
			all(spoof.Add), all(spoof.Check),
			all(func(a owner.Attachment, _ spoof.Port) error { return spoof.Del(a) }),
			// And while others do the contrary.
			all(func(a owner.Attachment, p spoof.Port) error {
				return errors.Join(spoof.Add(a, p), spoof.Check(a, p), spoof.Del(a))
			}),
		)
		if err != nil {
			return err
		}
		return expectRuleset("after DEL", empty())
	})
}

// upstreams are nft(8) commands for what upstream makes for an attachment.
func upstreams(a owner.Attachment, port string, mac net.HardwareAddr) string {
	id := a.ContainerID + "-" + a.IfName
	return strings.NewReplacer("ID", id, "PORT", port, "MAC", mac.String()).Replace(`
add table bridge nat
add chain bridge nat PREROUTING { type filter hook prerouting priority -300; policy accept; }
add chain bridge nat cni-br-iface-ID
add chain bridge nat cni-br-iface-ID-mac
add rule bridge nat PREROUTING iifname "PORT" jump cni-br-iface-ID comment "macspoofchk-ID"
add rule bridge nat cni-br-iface-ID jump cni-br-iface-ID-mac comment "macspoofchk-ID"
add rule bridge nat cni-br-iface-ID-mac ether saddr MAC return comment "macspoofchk-ID"
add rule bridge nat cni-br-iface-ID-mac drop comment "macspoofchk-ID"
`)
}

// What upstream made is good for CHECK, and goes with DEL, even if an ADD was
// repeated so that there are two rules that lead to it.
func TestUpstreams(t *testing.T) {
	t.Parallel()
	within(t, func() error {
		beside := upstreams(two, "veth2", mac(2)) + `add rule bridge nat PREROUTING iifname "eth7" accept comment "macspoofchk-one"`
		if err := load(beside); err != nil {
			return err
		}
		before, err := ruleset()
		if err != nil {
			return err
		}
		again := `add rule bridge nat PREROUTING iifname "veth1" jump cni-br-iface-one-eth0 comment "macspoofchk-one-eth0"`
		if err := load(upstreams(one, "veth1", mac(1)) + again); err != nil {
			return err
		}
		if err := errors.Join(
			spoof.Check(one, spoof.Port{Name: "veth1", MAC: mac(1)}),
			spoof.Check(two, spoof.Port{Name: "veth2", MAC: mac(2)}),
		); err != nil {
			return err
		}
		if spoof.Check(one, spoof.Port{Name: "veth1", MAC: mac(1), Addresses: cidrs()}) == nil {
			return errors.New("CHECK finds addresses in upstream's rules")
		}
		if err := errors.Join(spoof.Del(one), spoof.Del(one)); err != nil {
			return err
		}
		if err := expectRuleset("after DEL", before); err != nil {
			return err
		}
		// Its names have a limit, and those of containers have none.
		long := owner.Attachment{Network: "unit-test", ContainerID: strings.Repeat("x", 300), IfName: "eth0"}
		p := spoof.Port{Name: "veth1", MAC: mac(1)}
		return errors.Join(spoof.Add(long, p), spoof.Check(long, p), spoof.Del(long), spoof.Del(long))
	})
}
