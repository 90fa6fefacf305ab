package firewall

import (
	"net/netip"
	"slices"

	"github.com/containernetworking/plugins/pkg/iptables"
)

// The names of chains and the comments, all upstream's.
const (
	builtin      = "FORWARD"
	forwardChain = "CNI-FORWARD"
	stage1       = "CNI-ISOLATION-STAGE-1"
	stage2       = "CNI-ISOLATION-STAGE-2"

	forwardComment   = "CNI firewall plugin rules"
	adminComment     = "CNI firewall plugin admin overrides"
	isolationComment = "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)"
)

func policyComment(p policy) string { return forwardComment + " (ingressPolicy: " + string(p) + ")" }

// placed is a rule in its chain.
type placed struct {
	chain string
	rule  iptables.Rule
	// top says that a new rule goes to the start of the chain, not its end.
	top bool
	// ofAddress says that the rule is about an address, fresh that nobody else has that,
	// so that the rule is not there.
	ofAddress, fresh bool
}

func rule(comment string, rest ...string) iptables.Rule {
	return append(iptables.Comment(comment), rest...)
}

func jumpForward() placed {
	return placed{chain: builtin, rule: rule(forwardComment, "-j", forwardChain), top: true}
}

func jumpAdmin(chain string) placed {
	return placed{chain: forwardChain, rule: rule(adminComment, "-j", chain), top: true}
}

func jumpIsolation() placed {
	return placed{chain: builtin, rule: rule(isolationComment, "-j", stage1), top: true}
}

func returnFrom(chain string) placed {
	return placed{chain: chain, rule: rule(isolationComment, "-j", "RETURN")}
}

func (p placed) same(other placed) bool {
	return p.chain == other.chain && slices.Equal(p.rule, other.rule)
}

// host is the network of one address.
func host(a netip.Addr) string { return netip.PrefixFrom(a, a.BitLen()).String() }

// ofAddress returns the rules that let an address through, upstream's two.
func ofAddress(a netip.Addr, fresh bool) []placed {
	return []placed{
		{chain: forwardChain, rule: iptables.Rule{"-d", host(a), "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"}, ofAddress: true, fresh: fresh},
		{chain: forwardChain, rule: iptables.Rule{"-s", host(a), "-j", "ACCEPT"}, ofAddress: true, fresh: fresh},
	}
}

// ofTranslated returns the rule that lets connections through that were translated to an
// address. Upstream has none.
func ofTranslated(a netip.Addr, fresh bool) placed {
	return placed{chain: forwardChain, rule: iptables.Rule{"-d", host(a), "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"}, ofAddress: true, fresh: fresh}
}

// ofPolicy returns the rules of a policy on a bridge, the one that comes first
// in its chain last.
func ofPolicy(p policy, bridge string) []placed {
	if p == open {
		return nil
	}
	between := iptables.Rule{"-i", bridge, "!", "-o", bridge}
	rules := []placed{
		arriving(bridge),
		{chain: stage1, rule: slices.Concat(between, rule(policyComment(p), "-j", stage2)), top: true},
	}
	if p == isolated {
		within := iptables.Rule{"-i", bridge, "-o", bridge}
		rules = append(rules, placed{chain: stage1, rule: slices.Concat(within, rule(policyComment(p), "-j", "DROP")), top: true})
	}
	return rules
}

// arriving is the rule that drops what comes to a bridge from another one. All
// policies have it.
func arriving(bridge string) placed {
	return placed{chain: stage2, rule: slices.Concat(iptables.Rule{"-o", bridge}, rule(isolationComment, "-j", "DROP")), top: true}
}

// plan is what a change is for one family.
type plan struct {
	family iptables.Family
	// chains that the wanted rules need.
	chains []string
	// wanted rules are to be there, stale ones not.
	wanted, stale []placed
}

func (p *plan) empty() bool { return len(p.wanted) == 0 && len(p.stale) == 0 }

// concerns reports whether the policy is about the family.
func (c change) concerns(f iptables.Family) bool {
	if c.bridge == "" {
		return false
	}
	if f == iptables.IPv6 {
		return c.ipv6
	}
	return c.ipv4
}

// planWanted returns what is to be there after apply, and what of other policies
// is not.
func planWanted(f iptables.Family, c change) *plan {
	p := &plan{family: f}
	if all := c.of(f); len(all) > 0 {
		p.chains = append(p.chains, forwardChain, c.admin)
		p.wanted = append(p.wanted, jumpForward(), jumpAdmin(c.admin))
		for _, a := range all {
			fresh := !slices.Contains(c.held, a)
			p.wanted = append(p.wanted, ofAddress(a, fresh)...)
			if c.translated == accepted {
				p.wanted = append(p.wanted, ofTranslated(a, fresh))
			}
		}
	}
	if !c.concerns(f) {
		return p
	}
	if c.policy != open {
		p.chains = append(p.chains, stage1, stage2)
		p.wanted = append(p.wanted, returnFrom(stage1), returnFrom(stage2))
		p.wanted = append(p.wanted, ofPolicy(c.policy, c.bridge)...)
		p.wanted = append(p.wanted, jumpIsolation())
	}
	p.stale = stalePolicies(c)
	return p
}

// stalePolicies returns the rules that other policies than the wanted one have on
// the bridge.
func stalePolicies(c change) []placed {
	wanted := ofPolicy(c.policy, c.bridge)
	var stale []placed
	for _, other := range []policy{sameBridge, isolated} {
		for _, r := range ofPolicy(other, c.bridge) {
			if !slices.ContainsFunc(wanted, r.same) && !slices.ContainsFunc(stale, r.same) {
				stale = append(stale, r)
			}
		}
	}
	return stale
}

// planRemove returns what takes a change back.
func planRemove(f iptables.Family, c change) *plan {
	p := &plan{family: f}
	for _, a := range c.of(f) {
		p.stale = append(append(p.stale, ofAddress(a, false)...), ofTranslated(a, false))
	}
	if c.concerns(f) {
		p.stale = append(p.stale, stalePolicies(c)...)
	}
	return p
}
