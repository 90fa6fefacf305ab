package iptables_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/containernetworking/plugins/pkg/iptables"
)

// After a flush it is seen without a process that nothing leads to a chain any longer.
func TestMayJump(t *testing.T) {
	within(t, func() error {
		for _, f := range []iptables.Family{iptables.IPv4, iptables.IPv6} {
			leads := iptables.Jump{From: "POSTROUTING", To: "C"}
			expect := func(when string, want bool, jumps ...iptables.Jump) error {
				if may, err := iptables.MayJump(f, "nat", jumps...); may != want || err != nil {
					return fmt.Errorf("%s: %v, %w, want %v", when, may, err, want)
				}
				return nil
			}
			if err := expect("before", false, leads); err != nil {
				return err
			}
			tx := transaction(f)
			tx.NewChain("C")
			tx.Append("POSTROUTING", iptables.Rule{"-j", "ACCEPT"})
			tx.Append("POSTROUTING", iptables.Rule{"-j", "C"})
			if err := one(tx); err != nil {
				return err
			}
			if err := expect("one jump", true, leads); err != nil {
				return err
			}
			if err := expect("one of two", false, leads, iptables.Jump{From: "PREROUTING", To: "C"}); err != nil {
				return err
			}
			for _, chains := range [][]string{{"B"}, {"B", "C"}} {
				want := slices.Contains(chains, "C")
				if may, err := iptables.MayHave(f, "nat", chains...); may != want || err != nil {
					return fmt.Errorf("chains %v: %v, %w, want %v", chains, may, err, want)
				}
			}
			flush := transaction(f)
			flush.Flush("POSTROUTING")
			if err := one(flush); err != nil {
				return err
			}
			if err := expect("after a flush", false, leads); err != nil {
				return err
			}
		}
		return nil
	})
}
