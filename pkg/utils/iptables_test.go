package utils_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/coreos/go-iptables/iptables"

	"github.com/containernetworking/plugins/pkg/utils"
)

const chain = "cni-test-chain"

// withIPTables runs test in a new network namespace.
func withIPTables(t *testing.T, test func(*iptables.IPTables) error) {
	t.Helper()
	need(t, "iptables")
	inside(t, func() error {
		ipt, err := iptables.New()
		if err != nil {
			return err
		}
		return test(ipt)
	})
}

// rules returns an error unless the chain's rules are these.
func rules(ipt *iptables.IPTables, chain string, want ...string) error {
	got, err := ipt.List("filter", chain)
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("chain %s: %q, want %q", chain, got, want)
	}
	return err
}

// times calls f n times, until it returns an error.
func times(n int, f func() error) error {
	for i := range n {
		if err := f(); err != nil {
			return fmt.Errorf("call %d: %w", i+1, err)
		}
	}
	return nil
}

func TestEnsureChainNil(t *testing.T) {
	err := utils.EnsureChain(nil, "filter", chain)
	if err == nil || err.Error() != "failed to ensure iptable chain: IPTables was nil" {
		t.Errorf("error %v", err)
	}
}

func TestEnsureAndDeleteChain(t *testing.T) {
	withIPTables(t, func(ipt *iptables.IPTables) error {
		if err := times(2, func() error { return utils.EnsureChain(ipt, "filter", chain) }); err != nil {
			return fmt.Errorf("EnsureChain: %w", err)
		}
		if err := rules(ipt, chain, "-N "+chain); err != nil {
			return err
		}
		if err := times(2, func() error { return utils.DeleteChain(ipt, "filter", chain) }); err != nil {
			return fmt.Errorf("DeleteChain: %w", err)
		}
		if exists, err := ipt.ChainExists("filter", chain); err != nil || exists {
			return fmt.Errorf("the chain is still there: %w", err)
		}
		// What fails for another reason is an error.
		if err := utils.EnsureChain(ipt, "nosuchtable", chain); err == nil {
			return fmt.Errorf("EnsureChain made a chain in a table that does not exist")
		}
		return nil
	})
}

func TestDeleteChainInUse(t *testing.T) {
	withIPTables(t, func(ipt *iptables.IPTables) error {
		if err := utils.EnsureChain(ipt, "filter", chain); err != nil {
			return err
		}
		if err := ipt.Append("filter", "INPUT", "-j", chain); err != nil {
			return err
		}
		if err := utils.DeleteChain(ipt, "filter", chain); err == nil {
			return fmt.Errorf("a chain in use was deleted, or was said to be")
		}
		return nil
	})
}

func TestClearChain(t *testing.T) {
	withIPTables(t, func(ipt *iptables.IPTables) error {
		if err := utils.ClearChain(ipt, "filter", chain); err != nil {
			return fmt.Errorf("ClearChain makes: %w", err)
		}
		if err := ipt.Append("filter", chain, "-j", "ACCEPT"); err != nil {
			return err
		}
		if err := utils.ClearChain(ipt, "filter", chain); err != nil {
			return fmt.Errorf("ClearChain flushes: %w", err)
		}
		return rules(ipt, chain, "-N "+chain)
	})
}

func TestInsertUniqueAndDeleteRule(t *testing.T) {
	withIPTables(t, func(ipt *iptables.IPTables) error {
		if err := utils.EnsureChain(ipt, "filter", chain); err != nil {
			return err
		}
		insert := func(prepend bool, target string) error {
			return times(2, func() error {
				return utils.InsertUnique(ipt, "filter", chain, prepend, []string{"-j", target})
			})
		}
		for _, err := range []error{insert(false, "ACCEPT"), insert(true, "DROP"), insert(false, "RETURN")} {
			if err != nil {
				return fmt.Errorf("InsertUnique: %w", err)
			}
		}
		if err := rules(ipt, chain, "-N "+chain, "-A "+chain+" -j DROP", "-A "+chain+" -j ACCEPT", "-A "+chain+" -j RETURN"); err != nil {
			return err
		}

		deleteRule := func(chain, target string) error {
			return times(2, func() error { return utils.DeleteRule(ipt, "filter", chain, "-j", target) })
		}
		for _, err := range []error{
			deleteRule(chain, "ACCEPT"),
			deleteRule(chain, "nosuchchain"),
			deleteRule("nosuchchain", "ACCEPT"),
		} {
			if err != nil {
				return fmt.Errorf("DeleteRule: %w", err)
			}
		}
		return rules(ipt, chain, "-N "+chain, "-A "+chain+" -j DROP", "-A "+chain+" -j RETURN")
	})
}
