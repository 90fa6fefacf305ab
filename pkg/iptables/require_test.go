package iptables_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/containernetworking/plugins/pkg/iptables"
)

func TestReadAndRequire(t *testing.T) {
	within(t, func() error {
		if contents, err := iptables.Read(iptables.IPv6, "nat"); len(contents.Chains) > 0 || err != nil {
			return fmt.Errorf("read %v, %w of a table that nobody used", contents, err)
		}
		tx := transaction(iptables.IPv4)
		tx.NewChain("C")
		tx.Append("POSTROUTING", iptables.Rule{"-j", "C"})
		if err := one(tx); err != nil {
			return err
		}
		for _, test := range []struct {
			required iptables.Rule
			met      bool
		}{
			{iptables.Rule{"-j", "C"}, true},
			{iptables.Rule{"-s", "192.0.2.1/32", "-j", "C"}, false},
			{iptables.Rule{"-j", "NONE"}, false},
		} {
			tx := transaction(iptables.IPv4)
			tx.Append("C", iptables.Rule{"-j", "RETURN"})
			tx.Require("POSTROUTING", test.required)
			if err := one(tx); (err == nil) != test.met {
				return fmt.Errorf("requires %v: %w", test.required, errors.Join(err))
			}
		}
		contents, err := iptables.Read(iptables.IPv4, "nat")
		if err != nil || !slices.Contains(contents.Chains, "C") || len(contents.Rules) != 2 {
			return fmt.Errorf("read %v, %w", contents, err)
		}
		return nil
	})
}
