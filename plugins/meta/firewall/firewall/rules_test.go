package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/integration/node"
	"github.com/containernetworking/plugins/pkg/iptables"
)

// within runs f in a network namespace of its own.
func within(t *testing.T, f func() error) {
	t.Helper()
	if _, err := exec.LookPath("iptables-nft-restore"); err != nil {
		t.Skipf("iptables is not installed: %v", err)
	}
	if err := node.New(t).Do(f); err != nil {
		t.Fatal(err)
	}
}

// put makes the chains and some rules.
func put(rules ...placed) error {
	return iptables.Change(filter, []iptables.Family{iptables.IPv4}, func(t *iptables.Table) error {
		for _, chain := range []string{forwardChain, defaultAdminChain, stage1, stage2} {
			t.NewChain(chain)
		}
		for _, r := range rules {
			t.Append(r.chain, r.rule)
		}
		return nil
	})
}

// saved returns the rules of the table, each chain's in their order.
func saved() (string, error) {
	out, err := exec.Command("iptables-save", "-t", filter).Output()
	var rules []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "-A ") {
			rules = append(rules, strings.TrimPrefix(strings.TrimSpace(line), "-A "))
		}
	}
	slices.SortStableFunc(rules, func(a, b string) int {
		return strings.Compare(strings.Fields(a)[0], strings.Fields(b)[0])
	})
	return brief(strings.Join(rules, "\n")), err
}

func TestPlan(t *testing.T) {
	address := netip.MustParseAddr("10.0.0.2")
	base := change{addresses: []netip.Addr{address, netip.MustParseAddr("fd00::2")}, admin: defaultAdminChain, policy: open}
	with := func(edit func(*change)) change { c := base; edit(&c); return c }
	ofBridge := func(p policy) change {
		return with(func(c *change) { c.addresses, c.bridge, c.ipv4, c.policy = nil, "br", true, p })
	}
	in, out := ofAddress(address, false)[0], ofAddress(address, false)[1]
	for _, test := range []struct {
		name string
		have []placed
		plan *plan
		want string
	}{
		{"next container", []placed{jumpForward(), jumpAdmin(defaultAdminChain)}, planWanted(iptables.IPv4, base), `
CNI-FORWARD jump
CNI-FORWARD -d 10.0.0.2/32
CNI-FORWARD -s 10.0.0.2/32
FORWARD jump`},
		{"address of another container", []placed{jumpForward(), jumpAdmin(defaultAdminChain), in, out},
			planWanted(iptables.IPv4, with(func(c *change) { c.held = c.addresses })), `
CNI-FORWARD jump
CNI-FORWARD -d 10.0.0.2/32
CNI-FORWARD -s 10.0.0.2/32
FORWARD jump`},
		{"half is there", []placed{jumpForward(), out}, planWanted(iptables.IPv4, with(func(c *change) { c.held = c.addresses })), `
CNI-FORWARD jump
CNI-FORWARD -s 10.0.0.2/32
CNI-FORWARD -d 10.0.0.2/32
FORWARD jump`},
		{"jumps behind what drops all", []placed{jumpIsolation(), {chain: builtin, rule: iptables.Rule{"-j", "DROP"}}, jumpForward(), jumpAdmin(defaultAdminChain)},
			planWanted(iptables.IPv4, base), `
CNI-FORWARD jump
CNI-FORWARD -d 10.0.0.2/32
CNI-FORWARD -s 10.0.0.2/32
FORWARD isolation
FORWARD jump
FORWARD -j DROP`},
		{"policies behind what lets containers through", []placed{jumpForward(), jumpAdmin(defaultAdminChain), jumpIsolation()}, planWanted(iptables.IPv4, base), `
CNI-FORWARD jump
CNI-FORWARD -d 10.0.0.2/32
CNI-FORWARD -s 10.0.0.2/32
FORWARD isolation
FORWARD jump`},
		{"jump is gone, policies are there", []placed{jumpIsolation(), jumpAdmin(defaultAdminChain)}, planWanted(iptables.IPv4, base), `
CNI-FORWARD jump
CNI-FORWARD -d 10.0.0.2/32
CNI-FORWARD -s 10.0.0.2/32
FORWARD isolation
FORWARD jump`},
		{"policy loosened", append(ofPolicy(isolated, "br"), returnFrom(stage1), returnFrom(stage2), jumpIsolation()), planWanted(iptables.IPv4, ofBridge(sameBridge)), `
CNI-ISOLATION-STAGE-1 same-bridge -i br ! -o br
CNI-ISOLATION-STAGE-1 return
CNI-ISOLATION-STAGE-2 -o br
CNI-ISOLATION-STAGE-2 return
FORWARD isolation`},
		{"policy ended", append(ofPolicy(sameBridge, "br"), ofPolicy(sameBridge, "br2")...), planRemove(iptables.IPv4, ofBridge(open)), `
CNI-ISOLATION-STAGE-1 -i br2 ! -o br2 -m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge)" -j CNI-ISOLATION-STAGE-2
CNI-ISOLATION-STAGE-2 -o br2`},
		{"removed", []placed{jumpForward(), in, out}, planRemove(iptables.IPv4, base), `
FORWARD jump`},
		{"removed twice over", []placed{in, out, in}, planRemove(iptables.IPv4, base), ""},
		{"of somebody else", []placed{{chain: forwardChain, rule: rule("mine", "-s", "10.0.0.2/32", "-j", "ACCEPT")}}, planRemove(iptables.IPv4, base), `
CNI-FORWARD -s 10.0.0.2/32 -m comment --comment mine`},
		{"other family", []placed{in, out}, planRemove(iptables.IPv6, base), `
CNI-FORWARD -d 10.0.0.2/32
CNI-FORWARD -s 10.0.0.2/32`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			within(t, func() error {
				if err := put(test.have...); err != nil {
					return err
				}
				err := iptables.Change(filter, []iptables.Family{test.plan.family}, func(table *iptables.Table) error {
					test.plan.change(table)
					return nil
				})
				if err != nil {
					return err
				}
				got, err := saved()
				if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), got); diff != "" {
					return fmt.Errorf("(-want +got):\n%s %w", diff, err)
				}
				if missing := iptables.Check(filter, test.plan.family, func(table *iptables.Table) error { return errors.Join(test.plan.missing(table)...) }); missing != nil {
					return fmt.Errorf("CHECK behind it: %w", missing)
				}
				return err
			})
		})
	}
}

// brief leaves of a rule what the tests need to tell it from others.
func brief(rules string) string {
	quoted := func(text string) string { return `-m comment --comment "` + text + `"` }
	return strings.NewReplacer(
		quoted(forwardComment)+" -j CNI-FORWARD", "jump",
		quoted(adminComment)+" -j CNI-ADMIN", "jump",
		quoted(isolationComment)+" -j CNI-ISOLATION-STAGE-1", "isolation",
		quoted(isolationComment)+" -j RETURN", "return",
		" "+quoted(isolationComment)+" -j DROP", "",
		"-i br ! -o br "+quoted(policyComment(isolated))+" -j CNI-ISOLATION-STAGE-2", "isolated -i br ! -o br",
		"-i br ! -o br "+quoted(policyComment(sameBridge))+" -j CNI-ISOLATION-STAGE-2", "same-bridge -i br ! -o br",
		"-i br -o br "+quoted(policyComment(isolated))+" -j DROP", "isolated -i br -o br",
		" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "",
		" -j ACCEPT", "",
	).Replace(rules)
}
