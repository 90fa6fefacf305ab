package portmap

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/nft"
	"github.com/containernetworking/plugins/pkg/restored"
)

// conditionalChain returns the name of the target's own chain, which it has if
// there are conditions.
func (t target) conditionalChain() string {
	return conditionalChain(t.Prefix(), t.family())
}

func conditionalChain(prefix, family string) string { return "for_" + prefix + "_" + family }

// conditionalTargets returns the targets whose mappings have conditions.
func (f *forward) conditionalTargets() []target {
	return slices.DeleteFunc(f.targets(), func(t target) bool { return len(t.conditions()) == 0 || len(t.mappings()) == 0 })
}

// addConditional adds the mappings that have conditions.
func addConditional(all ...*forward) error {
	var script strings.Builder
	for _, f := range all {
		for _, t := range f.conditionalTargets() {
			script.WriteString(t.script())
		}
	}
	if script.Len() == 0 {
		return nil
	}
	return runNFT(script.String())
}

// script makes the target's chain and the rule that jumps to it, for nft(8).
func (t target) script() string {
	var script strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&script, format+"\n", args...) }
	chain := table().String() + " " + t.conditionalChain()
	line("add chain %s", chain)
	line("flush chain %s", chain)
	for _, m := range t.mappings() {
		for i := range m.count() {
			one, daddr := m.at(i), ""
			if host := m.address(); host != nil {
				daddr = fmt.Sprintf("%s daddr %s ", t.nft(), host)
			}
			line("add rule %s %smeta l4proto %s th dport %d dnat %s to %s", chain, daddr, one.Protocol, one.HostPort, t.nft(), t.destination(one))
		}
	}
	line(`add rule %s %s meta nfproto ipv%s %s jump %s comment "%s"`,
		table(), conditional, t.family(), strings.Join(t.conditions(), " "), t.conditionalChain(), t.Tag())
	return script.String()
}

// findNFT returns the path of nft(8): the $PATH of a service need not have it.
func findNFT() (string, error) {
	for _, name := range []string{"nft", "/usr/sbin/nft"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("nft is not installed")
}

// runNFT makes the changes of a script, all or none.
func runNFT(script string) error {
	path, err := findNFT()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft -f -: %w: %s", err, strings.TrimSpace(string(out)))
	}
	restored.Rules(strings.Count(script, "add rule "))
	return nil
}

// removeConditional removes the attachment's mappings that have conditions.
func (x *changes) removeConditional(f *forward) error {
	if len(f.ConditionsV4) == 0 && len(f.ConditionsV6) == 0 {
		return nil
	}
	return x.removeConditionalOf(f.Owns)
}

func (x *changes) removeConditionalOf(owned func(tag string) bool) error {
	rules, err := x.c.Rules(table(), conditional)
	if err != nil {
		return err
	}
	var prefixes []string
	for _, r := range rules {
		if owned(r.Comment) {
			x.tx.DeleteRule(table(), conditional, r.Handle)
			prefix, _, _ := strings.Cut(r.Comment, ",")
			prefixes = append(prefixes, prefix)
		}
	}
	slices.Sort(prefixes)
	for _, prefix := range slices.Compact(prefixes) {
		for _, t := range families() {
			chain := conditionalChain(prefix, t.family())
			exists, err := x.c.HasChain(table(), chain)
			if err != nil {
				return err
			}
			if exists {
				x.tx.DeleteChain(table(), chain)
			}
		}
	}
	return nil
}

// hasConditional reports whether the target's chain is there with a rule for each
// port, and a rule jumps to it.
func (t target) hasConditional(c *nft.Conn) (bool, error) {
	want := 0
	for _, m := range t.mappings() {
		want += m.count()
	}
	found, err := c.Rules(table(), t.conditionalChain())
	if err != nil || len(found) < want {
		return false, err
	}
	rules, err := c.Rules(table(), conditional)
	return slices.ContainsFunc(rules, func(r nft.FoundRule) bool { return t.Owns(r.Comment) }), err
}
