package firewall

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/plugins/pkg/iptables"
)

// tableOf returns the contents of a table with some rules.
func tableOf(rules ...placed) found {
	t := found{Contents: iptables.Contents{Chains: []string{builtin, forwardChain, defaultAdminChain, stage1, stage2}}}
	for _, r := range rules {
		t.Rules = append(t.Rules, iptables.Listed{Chain: r.chain, Rule: r.rule})
	}
	return t
}

func byNumber(t found) found {
	t.byNumber = true
	return t
}

func TestPlan(t *testing.T) {
	t.Parallel()
	address := netip.MustParseAddr("10.0.0.2")
	base := change{addresses: []netip.Addr{address, netip.MustParseAddr("fd00::2")}, admin: defaultAdminChain, policy: open, was: open, settled: true}
	with := func(edit func(*change)) change { c := base; edit(&c); return c }
	for _, test := range []struct {
		name string
		plan *plan
		view view
		want string
	}{
		{"next container", planWanted(iptables.IPv4, base), assumed{}, `
-C FORWARD jump
-C CNI-FORWARD jump
-A CNI-FORWARD -d 10.0.0.2/32
-A CNI-FORWARD -s 10.0.0.2/32`},
		{"address of another container", planWanted(iptables.IPv4, with(func(c *change) { c.held = c.addresses })), assumed{}, `
-C FORWARD jump
-C CNI-FORWARD jump
-C CNI-FORWARD -d 10.0.0.2/32
-C CNI-FORWARD -s 10.0.0.2/32`},
		{"first container", planWanted(iptables.IPv4, base), found{}, `
-N CNI-FORWARD
-N CNI-ADMIN
-I FORWARD jump
-I CNI-FORWARD jump
-A CNI-FORWARD -d 10.0.0.2/32
-A CNI-FORWARD -s 10.0.0.2/32`},
		{"half is there", planWanted(iptables.IPv4, base), tableOf(jumpForward(), ofAddress(address, false)[1]), `
-C FORWARD jump
-I CNI-FORWARD jump
-A CNI-FORWARD -d 10.0.0.2/32
-C CNI-FORWARD -s 10.0.0.2/32`},
		{"jumps behind what drops all", planWanted(iptables.IPv4, with(func(c *change) { c.addresses = c.addresses[:1] })),
			tableOf(jumpIsolation(), placed{chain: builtin, rule: iptables.Rule{"-j", "DROP"}}, jumpForward(), jumpAdmin(defaultAdminChain)), `
-D FORWARD jump
-D FORWARD isolation
-C CNI-FORWARD jump
-A CNI-FORWARD -d 10.0.0.2/32
-A CNI-FORWARD -s 10.0.0.2/32
-I FORWARD jump
-I FORWARD isolation`},
		{"jump behind that of policies", planWanted(iptables.IPv4, with(func(c *change) { c.addresses = nil })), tableOf(jumpForward(), jumpIsolation()), `
-D FORWARD isolation
-I FORWARD isolation`},
		{"jump is gone, policies are there", planWanted(iptables.IPv4, base), tableOf(jumpIsolation(), jumpAdmin(defaultAdminChain), ofAddress(address, false)[0], ofAddress(address, false)[1]), `
-D FORWARD isolation
-I FORWARD jump
-C CNI-FORWARD jump
-C CNI-FORWARD -d 10.0.0.2/32
-C CNI-FORWARD -s 10.0.0.2/32
-I FORWARD isolation`},
		{"policy loosened", planWanted(iptables.IPv4, with(func(c *change) {
			c.addresses, c.bridge, c.ipv4, c.policy, c.was = nil, "br", true, sameBridge, isolated
		})), assumed{}, `
-D CNI-ISOLATION-STAGE-1 isolated -i br ! -o br
-D CNI-ISOLATION-STAGE-1 isolated -i br -o br
-C CNI-ISOLATION-STAGE-1 return
-C CNI-ISOLATION-STAGE-2 return
-C CNI-ISOLATION-STAGE-2 -o br
-I CNI-ISOLATION-STAGE-1 same-bridge -i br ! -o br
-C FORWARD isolation`},
		{"policy ended", planRemove(iptables.IPv4, with(func(c *change) { c.addresses, c.bridge, c.ipv4, c.was = nil, "br", true, sameBridge })), assumed{}, `
-D CNI-ISOLATION-STAGE-2 -o br
-D CNI-ISOLATION-STAGE-1 same-bridge -i br ! -o br`},
		{"removed", planRemove(iptables.IPv4, base), assumed{}, `
-D CNI-FORWARD -d 10.0.0.2/32
-D CNI-FORWARD -s 10.0.0.2/32`},
		{"removed twice over", planRemove(iptables.IPv4, base), tableOf(ofAddress(address, false)[0], ofAddress(address, false)[0]), `
-D CNI-FORWARD -d 10.0.0.2/32
-D CNI-FORWARD -d 10.0.0.2/32`},
		{"removed by number", planRemove(iptables.IPv4, base), byNumber(tableOf(ofAddress(address, false)[0], jumpForward(), jumpAdmin(defaultAdminChain), ofAddress(address, false)[1])), `
-D CNI-FORWARD 3
-D CNI-FORWARD 1`},
		{"other family", planRemove(iptables.IPv6, with(func(c *change) { c.addresses = c.addresses[:1] })), assumed{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := brief(test.plan.transaction(test.view).String())
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
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
